// SPDX-License-Identifier: Apache-2.0
// For this module's tests: compile and render in one step.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "template/template.h"

namespace kinglet::templates::testing {

/// The SQL of a template whose text stands after the '%'; a failure of the test when there is none.
inline std::string render(std::string_view text, const Arguments& arguments = {}) {
  const auto compiled = Template::compile("%" + std::string(text));
  if (!compiled) {
    ADD_FAILURE() << text << ": " << compiled.error().to_error().message;
    return {};
  }
  auto made = compiled->render({.arguments = &arguments});
  if (!made) {
    ADD_FAILURE() << text << ": " << made.error().message;
    return {};
  }
  return std::move(made->sql);
}

/// The error of a template that compiles and must not render.
inline RenderError failure(std::string_view text, const Arguments& arguments = {}) {
  const auto compiled = Template::compile("%" + std::string(text));
  if (!compiled) {
    ADD_FAILURE() << text << ": " << compiled.error().to_error().message;
    return {};
  }
  auto made = compiled->render({.arguments = &arguments});
  if (made) {
    ADD_FAILURE() << text << " gave " << made->sql;
    return {};
  }
  return std::move(made.error());
}

/// The error of a template that must not compile.
inline CompileError syntax(std::string_view text) {
  auto compiled = Template::compile("%" + std::string(text));
  if (compiled) {
    ADD_FAILURE() << text << " compiled";
    return {};
  }
  return std::move(compiled.error());
}

// Rows of tables: `section` says where the specification has it.
struct Printed {
  const char* section;
  const char* text;
  Arguments sent;
  const char* sql;
};
struct Refused {
  const char* section;
  const char* text;
  Arguments sent;
  RenderError::Kind kind;
  const char* message;  // a part of it
};
struct Wrong {
  const char* section;
  const char* text;
  const char* message;  // a part of it
  const char* hint;     // a part of it
};

inline void all(const std::vector<Printed>& rows) {
  for (const auto& row : rows) EXPECT_EQ(render(row.text, row.sent), row.sql) << row.section << ": " << row.text;
}
inline void all(const std::vector<Refused>& rows) {
  for (const auto& row : rows) {
    const auto error = failure(row.text, row.sent);
    EXPECT_EQ(error.kind, row.kind) << row.section << ": " << row.text << ": " << error.message;
    EXPECT_EQ(error.status, 400) << row.section;
    EXPECT_NE(error.message.find(row.message), std::string::npos)
        << row.section << ": " << row.text << ": " << error.message;
  }
}
inline void all(const std::vector<Wrong>& rows) {
  for (const auto& row : rows) {
    const auto error = syntax(row.text);
    EXPECT_NE(error.message.find(row.message), std::string::npos)
        << row.section << ": " << row.text << ": " << error.message;
    EXPECT_NE(error.hint.find(row.hint), std::string::npos) << row.section << ": " << row.text << ": " << error.hint;
    EXPECT_FALSE(error.message.empty());
  }
}

}  // namespace kinglet::templates::testing
