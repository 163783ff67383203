// SPDX-License-Identifier: Apache-2.0
// Where in a node's text the engine's error belongs: it speaks of our printed statement, authors of their file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "datafile/model.h"

namespace kinglet::deploy {

/// Line and column inside a node's text, from 1.
using TextPlace = datafile::Position;

/// The first place of `name` as a word or quoted name in `text`, outside of strings and comments. Of a dotted name the
/// whole, else its last part. `call`: it must be followed by a parenthesis.
std::optional<TextPlace> place_of(std::string_view text, std::string_view name, bool call = false);
/// Where a column gets the name: behind AS, else the last place of the name.
std::optional<TextPlace> place_of_alias(std::string_view text, std::string_view name);

/// What the engine's own text says beyond what presentable() keeps: which name is meant, and the engine's guesses.
struct EngineFinding {
  std::string name;  // identifier or function; empty when the text names none
  bool function = false;
  std::string hint;  // "did you mean `kind`?", or empty
};
/// `database`: guesses that hold it are left out.
EngineFinding read_engine_error(std::string_view message, std::string_view database);

}  // namespace kinglet::deploy
