// SPDX-License-Identifier: Apache-2.0
// Verification works on OpenSSL's HMAC: libjwt, which signs, refuses tokens without an `alg` header, and those are
// valid here (platform.md 2.7). There is one key type and one algorithm, so nothing in the token chooses how it is
// checked.
#include "auth/jwt.h"

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/unique_keys.h"
#include "base/check.h"

namespace kinglet::auth {

using catalog::ScopeKind;

namespace {

constexpr std::size_t signature_size = 32;

std::unexpected<Error> refused() {
  return fail(Code::unauthenticated, "Invalid or expired token");
}

/// The parts of a token that came in the right form.
struct Parts {
  std::string_view signed_text;  // header "." payload, as sent
  json::value header;
  json::value payload;
  std::string signature;
};

std::optional<json::value> read_part(std::string_view encoded) {
  const Result<std::string> text = catalog::base64url_decode(encoded);
  // A claim given twice is read differently by different readers.
  if (!text || !has_unique_keys(*text)) return std::nullopt;
  Result<json::value> value = json::parse(*text);
  if (!value || !value->is_object()) return std::nullopt;
  return *std::move(value);
}

std::optional<Parts> split(std::string_view token) {
  if (token.size() > JwtLimits::token_size_max || !looks_like_jwt(token)) return std::nullopt;
  const std::size_t first = token.find('.'), last = token.rfind('.');
  Parts parts;
  parts.signed_text = token.substr(0, last);
  auto header = read_part(token.substr(0, first));
  auto payload = read_part(token.substr(first + 1, last - first - 1));
  auto signature = catalog::base64url_decode(token.substr(last + 1));
  if (!header || !payload || !signature) return std::nullopt;
  parts.header = *std::move(header);
  parts.payload = *std::move(payload);
  parts.signature = *std::move(signature);
  return parts;
}

bool signature_fits(const Parts& parts, std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> expected{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(parts.signed_text.data()), parts.signed_text.size(), expected.data(),
       &size);
  CHECK(size == signature_size, "HMAC with SHA-256 makes 32 bytes");
  return parts.signature.size() == signature_size &&
         CRYPTO_memcmp(parts.signature.data(), expected.data(), signature_size) == 0;
}

bool header_allowed(const json::object& header) {
  const auto* algorithm = header.if_contains("alg");
  if (algorithm != nullptr && *algorithm != json::value("HS256")) return false;
  // `crit` names extensions that a reader must understand; we understand none (RFC 7515 4.1.11).
  return !header.contains("crit");
}

std::optional<double> number(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  const double value = found->to_number<double>();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

bool is_scalar(const json::value& value) {
  return value.is_string() || value.is_number() || value.is_bool();
}

Result<std::vector<std::pair<std::string, json::value>>> read_fixed_params(const json::value& value) {
  if (!value.is_object()) return fail(Code::invalid, "fixed_params must be an object");
  const json::object& params = value.get_object();
  if (params.size() > JwtLimits::fixed_params_max)
    return fail(Code::invalid, "fixed_params has more than {} entries", JwtLimits::fixed_params_max);
  std::vector<std::pair<std::string, json::value>> out;
  for (const auto& [key, one] : params) {
    const bool list = one.is_array() && std::ranges::all_of(one.get_array(), is_scalar);
    if (!is_scalar(one) && !list)
      return fail(Code::invalid, "fixed_params: '{}' must be a text, a number, true, false, or a list of these",
                  std::string_view(key));
    out.emplace_back(std::string(key), one);
  }
  return out;
}

Result<Grant> read_scope(const json::value& value) {
  if (!value.is_object()) return fail(Code::invalid, "an object was expected");
  const json::object& object = value.get_object();
  const auto type = json::get_string(object, "type");
  const auto kind = type ? catalog::scope_kind_from(*type) : std::nullopt;
  if (kind != ScopeKind::pipes_read && kind != ScopeKind::data_sources_read && kind != ScopeKind::data_sources_append)
    return fail(Code::invalid,
                "Invalid scope type: a JWT may hold PIPES:READ, DATASOURCES:READ and DATASOURCES:APPEND");
  const auto resource = json::get_string(object, "resource");
  if (!resource || resource->empty())
    return fail(Code::invalid, "`resource` must be the name of a data source or pipe");
  Grant grant{.scope = {.kind = *kind, .resource = std::string(*resource)}};
  // What would narrow the access is never passed over because it stands in the wrong place.
  if (const auto* params = object.if_contains("fixed_params")) {
    if (kind != ScopeKind::pipes_read) return fail(Code::invalid, "`fixed_params` belongs to PIPES:READ");
    TRY(grant.fixed_params, read_fixed_params(*params));
  }
  if (const auto* filter = object.if_contains("filter")) {
    if (kind != ScopeKind::data_sources_read) return fail(Code::invalid, "`filter` belongs to DATASOURCES:READ");
    if (!filter->is_string() || filter->get_string().empty())
      return fail(Code::invalid, "`filter` must be a SQL condition");
    if (filter->get_string().size() > JwtLimits::filter_size_max)
      return fail(Code::invalid, "`filter` is longer than {} bytes", JwtLimits::filter_size_max);
    grant.scope.filter = filter->get_string();
  }
  return grant;
}

std::optional<double> read_rate(const json::object& payload) {
  const auto* limits = payload.if_contains("limits");
  if (limits == nullptr || limits->is_null()) return 0;
  if (!limits->is_object()) return std::nullopt;
  if (!limits->get_object().contains("rps")) return 0;
  const auto rate = number(limits->get_object(), "rps");
  return rate ? std::optional(std::max(*rate, 0.0)) : std::nullopt;
}

json::object grant_object(const Grant& grant) {
  json::object out{{"type", catalog::scope_kind_name(grant.scope.kind)}, {"resource", grant.scope.resource}};
  if (!grant.scope.filter.empty()) out["filter"] = grant.scope.filter;
  if (grant.fixed_params.empty()) return out;
  json::object params;
  for (const auto& [name, value] : grant.fixed_params) params[name] = value;
  out["fixed_params"] = std::move(params);
  return out;
}

}  // namespace

bool looks_like_jwt(std::string_view token) {
  return std::ranges::count(token, '.') == 2 && !token.starts_with("p.");
}

Result<Identity> verify_jwt(const catalog::Snapshot& snapshot, std::string_view token, catalog::Time now) {
  const auto parts = split(token);
  if (!parts) return refused();
  const json::object& payload = parts->payload.get_object();
  const auto workspace_id = json::get_string(payload, "workspace_id");
  const auto found = workspace_id ? snapshot.workspaces.find(*workspace_id) : snapshot.workspaces.end();
  const bool known = found != snapshot.workspaces.end();
  // An unknown workspace costs the same time as a wrong signature (A5); the outcome does not count then.
  const std::string_view key = known ? found->second->admin_token->value : snapshot.account->admin_token->value;
  const bool signed_by_us = signature_fits(*parts, key);
  if (!known || !signed_by_us || !header_allowed(parts->header.get_object())) return refused();

  const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
  const auto expires = number(payload, "exp");
  if (!expires || seconds >= *expires) return refused();
  if (payload.contains("nbf")) {
    const auto not_before = number(payload, "nbf");
    if (!not_before || seconds < *not_before) return refused();
  }
  const auto name = json::get_string(payload, "name");
  const auto* scopes = payload.if_contains("scopes");
  const auto rate = read_rate(payload);
  if (!name || name->empty() || name->size() > JwtLimits::name_size_max || scopes == nullptr || !rate) return refused();
  Result<std::vector<Grant>> grants = parse_jwt_scopes(*scopes);
  if (!grants) return refused();
  return Identity{.kind = TokenKind::jwt,
                  .workspace = found->second,
                  .token_id = "",
                  .token_name = std::string(*name),
                  .grants = *std::move(grants),
                  .requests_per_second = *rate};
}

Result<std::vector<Grant>> parse_jwt_scopes(const json::value& scopes) {
  if (!scopes.is_array()) return fail(Code::invalid, "`scopes` must be a list");
  const json::array& list = scopes.get_array();
  if (list.size() > JwtLimits::scopes_max)
    return fail(Code::invalid, "a JWT holds at most {} scopes", JwtLimits::scopes_max);
  std::vector<Grant> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Result<Grant> grant = read_scope(list[i]);
    if (!grant) return fail(Code::invalid, "scopes[{}]: {}", i, grant.error().message);
    out.push_back(*std::move(grant));
  }
  return out;
}

Result<std::string> create_jwt(const catalog::Workspace& workspace, const JwtClaims& claims, catalog::Time now) {
  if (claims.name.empty() || claims.name.size() > JwtLimits::name_size_max)
    return fail(Code::invalid, "a JWT needs a `name` of 1 to {} bytes", JwtLimits::name_size_max);
  if (claims.grants.empty() || claims.grants.size() > JwtLimits::scopes_max)
    return fail(Code::invalid, "a JWT needs 1 to {} scopes", JwtLimits::scopes_max);
  if (std::chrono::seconds(claims.expires_at) <= now.time_since_epoch())
    return fail(Code::invalid, "`expiration_time` must be Unix seconds in the future");
  json::array scopes;
  for (const Grant& grant : claims.grants) scopes.emplace_back(grant_object(grant));
  json::object payload{
      {"workspace_id", workspace.id}, {"name", claims.name}, {"exp", claims.expires_at}, {"scopes", std::move(scopes)}};
  if (claims.requests_per_second > 0) payload["limits"] = json::object{{"rps", claims.requests_per_second}};

  jwt_t* raw = nullptr;
  CHECK(jwt_new(&raw) == 0, "a JWT object is only an allocation");
  const std::unique_ptr<jwt_t, decltype(&jwt_free)> jwt(raw, &jwt_free);
  const std::string& key = workspace.admin_token->value;
  const auto* key_bytes = reinterpret_cast<const unsigned char*>(key.data());
  std::unique_ptr<char, decltype(&std::free)> text(nullptr, &std::free);
  if (jwt_add_grants_json(jwt.get(), json::write(payload).c_str()) == 0 &&
      jwt_set_alg(jwt.get(), JWT_ALG_HS256, key_bytes, static_cast<int>(key.size())) == 0)
    text.reset(jwt_encode_str(jwt.get()));
  // The JSON library behind libjwt has no whole numbers beyond 2^63, and no NUL in texts.
  if (!text) return fail(Code::invalid, "the scopes hold a value that a JWT cannot carry");
  std::string out(text.get());
  if (out.size() > JwtLimits::token_size_max)
    return fail(Code::invalid, "the JWT would be longer than {} bytes; give it fewer or shorter scopes",
                JwtLimits::token_size_max);
  return out;
}

}  // namespace kinglet::auth
