// SPDX-License-Identifier: Apache-2.0
// Endpoints as an OpenAPI 3.0 document: what generators of clients and API browsers read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/document.h"
#include "template/template.h"

namespace kinglet::api::openapi {

/// A parameter's values as a JSON schema: type, format, range, default, enum.
json::object schema_of(const templates::Parameter& parameter);
/// The parameter object of an operation: name, in, required, schema, example.
json::object parameter_object(const templates::Parameter& parameter);
/// JSON text of a constant of the template, as a value of the parameter's type where it can be: Int32(n, '10') is 10.
json::value typed_constant(const templates::Parameter& parameter, std::string_view json_text);

struct Endpoint {
  std::string name;
  std::string description;
  std::vector<templates::Parameter> parameters;
};
/// Order: as given. `title` is the workspace's name, `server` the public URL.
json::object document(std::string_view title, std::string_view server, const std::vector<Endpoint>& endpoints);

}  // namespace kinglet::api::openapi
