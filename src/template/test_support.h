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

}  // namespace kinglet::templates::testing
