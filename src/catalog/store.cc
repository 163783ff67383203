// SPDX-License-Identifier: Apache-2.0
// SOCI throws; nothing thrown leaves this file.
#include "catalog/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "catalog/record_json.h"
#include "catalog/store_session.h"

#pragma clang attribute push(__attribute__((no_sanitize("vptr"))), apply_to = function)

namespace kinglet::catalog::internal {

namespace {

// SQLite's primary result codes (sqlite3.h).
enum class Sqlite : int { busy = 5, io_error = 10, corrupt = 11, full = 13, cannot_open = 14, not_a_database = 26 };

std::string kind_name(ResourceKind kind) {
  switch (kind) {
    case ResourceKind::data_source:
      return "data_source";
    case ResourceKind::pipe:
      return "pipe";
    case ResourceKind::connection:
      return "connection";
  }
  check_failed("kind_name(kind)", "every kind has a name", __FILE_NAME__, __LINE__);
}
std::optional<ResourceKind> kind_from(std::string_view name) {
  for (const auto kind : {ResourceKind::data_source, ResourceKind::pipe, ResourceKind::connection})
    if (kind_name(kind) == name) return kind;
  return std::nullopt;
}

std::string origin_name(TokenOrigin origin) {
  switch (origin) {
    case TokenOrigin::workspace_default:
      return "default";
    case TokenOrigin::api:
      return "api";
    case TokenOrigin::datafile:
      return "datafile";
  }
  check_failed("origin_name(origin)", "every origin has a name", __FILE_NAME__, __LINE__);
}
std::optional<TokenOrigin> origin_from(std::string_view name) {
  for (const auto origin : {TokenOrigin::workspace_default, TokenOrigin::api, TokenOrigin::datafile})
    if (origin_name(origin) == name) return origin;
  return std::nullopt;
}

Result<long long> deployment_number(const std::string& id) {
  long long number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size() || number < 1)
    return fail(Code::internal, "a deployment's id must be a positive whole number");
  return number;
}

Error damaged(std::string_view what) {
  return Error{.code = Code::unavailable, .message = fmt::format("the catalog is damaged: {}", what)};
}

}  // namespace

Error translate(const std::exception& thrown, bool& broken) {
  int code = 0;
  if (const auto* known = dynamic_cast<const soci::sqlite3_soci_error*>(&thrown)) code = known->result() & 0xff;
  // The text may quote a path or a value, so it goes to the log of the operator and never to a client.
  log::error("catalog: SQLite refused a statement", {{"sqlite_code", code}});
  switch (static_cast<Sqlite>(code)) {
    case Sqlite::full:
      return {.code = Code::unavailable, .message = "the catalog cannot be written: the disk is full"};
    case Sqlite::io_error:
      broken = true;
      return {.code = Code::unavailable,
              .message =
                  "the catalog cannot be written: the disk reported an error; nothing more is written until the next "
                  "start"};
    case Sqlite::corrupt:
    case Sqlite::not_a_database:
      broken = true;
      return damaged("SQLite cannot read the file");
    case Sqlite::busy:
      return {.code = Code::unavailable, .message = "the catalog is locked by another program"};
    case Sqlite::cannot_open:
      return {.code = Code::unavailable, .message = "the catalog file cannot be opened"};
  }
  return {.code = Code::internal, .message = "the catalog refused a change"};
}

namespace {

std::string connect_text(const std::filesystem::path& file, std::string_view options) {
  // SOCI's own little syntax: a value in double quotes may hold blanks; a quote cannot be escaped.
  return fmt::format("dbname=\"{}\" timeout=5 {}", file.string(), options);
}

struct Head {
  int application = 0;
  int version = 0;
};

Head read_head(soci::session& sql) {
  Head head;
  sql << "PRAGMA application_id", soci::into(head.application);
  sql << "PRAGMA user_version", soci::into(head.version);
  return head;
}

/// Looks at an existing file through a read-only connection.
Status check_existing(const std::filesystem::path& file, std::size_t newest) {
  try {
    soci::session sql(soci::sqlite3, connect_text(file, "readonly=true"));
    const Head head = read_head(sql);
    if (head.application != application_id)
      return fail(Code::unavailable, "catalog.sqlite is not a catalog of Kinglet; use another data folder");
    if (head.version < 0 || static_cast<std::size_t>(head.version) > newest)
      return fail(Code::unavailable,
                  "the catalog has schema version {}, this program knows up to {}: it was written by a newer Kinglet. "
                  "Start that version, or restore a backup made by this one",
                  head.version, newest);
    std::string verdict;
    sql << "PRAGMA quick_check(1)", soci::into(verdict);
    if (verdict != "ok") return fail(damaged("quick_check found a fault; restore a backup"));
    return {};
  } catch (const std::exception& thrown) {
    bool broken = false;
    return fail(translate(thrown, broken));
  }
}

/// Makes the file with mode 0600 before SQLite would make it with the umask's.
Status make_file(const std::filesystem::path& file) {
  const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (made < 0) return fail(Code::unavailable, "the catalog file cannot be made: {}", std::strerror(errno));
  ::close(made);
  return {};
}

}  // namespace

Store::Store(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& file, std::span<const Migration> steps) {
  if (file.string().contains('"'))
    return fail(Code::invalid, "the path of the data folder must not hold a double quote");
  std::error_code error;
  if (const auto size = std::filesystem::file_size(file, error); !error && size > 0)
    TRY_VOID(check_existing(file, steps.size()));
  TRY_VOID(make_file(file));
  std::unique_ptr<Store> store(new Store(std::make_unique<Connection>()));
  TRY_VOID(store->run([&](soci::session& sql) {
    sql.open(soci::sqlite3, connect_text(file, ""));
    std::string mode;
    sql << "PRAGMA journal_mode=WAL", soci::into(mode);
    if (mode != "wal") throw soci::soci_error("no WAL");
    sql << "PRAGMA synchronous=FULL";
    sql << "PRAGMA secure_delete=ON";  // deleted secrets do not stay in free pages
  }));
  TRY_VOID(store->migrate(steps));
  return store;
}

Status Store::migrate(std::span<const Migration> steps) {
  Head head;
  TRY_VOID(run([&](soci::session& sql) { head = read_head(sql); }));
  for (std::size_t version = static_cast<std::size_t>(head.version); version < steps.size(); ++version) {
    TRY_VOID(begin());
    Status done = run([&](soci::session& sql) {
      for (const std::string_view statement : steps[version]) sql << std::string(statement);
      sql << fmt::format("PRAGMA application_id={}", application_id);
      sql << fmt::format("PRAGMA user_version={}", version + 1);
    });
    if (done) done = commit();
    if (!done) {
      rollback();
      return fail(Code::unavailable, "the catalog could not be brought from schema version {} to {}: {}", version,
                  version + 1, done.error().message);
    }
    if (version > 0) log::info("catalog: migrated", {{"from", version}, {"to", version + 1}});
  }
  return {};
}

Status Store::begin() {
  return run([](soci::session& sql) { sql << "BEGIN IMMEDIATE"; });
}

Status Store::commit() {
  return run([](soci::session& sql) { sql << "COMMIT"; });
}

void Store::rollback() {
  try {
    connection_->sql << "ROLLBACK";
  } catch (const std::exception&) {
    // SQLite has rolled back by itself, as it does after a full disk; or the file is lost and broken_ says so.
  }
}

// ---- settings ---------------------------------------------------------------------------------------------------

Result<std::map<std::string, std::string>> Store::settings() {
  std::map<std::string, std::string> out;
  TRY_VOID(run([&](soci::session& sql) {
    std::string key, value;
    soci::statement rows = (sql.prepare << "SELECT key, value FROM settings", soci::into(key), soci::into(value));
    rows.execute();
    while (rows.fetch()) out[key] = value;
  }));
  return out;
}

Status Store::put_setting(const std::string& key, const std::string& value) {
  return run([&](soci::session& sql) {
    sql << "INSERT OR REPLACE INTO settings (key, value) VALUES (:k, :v)", soci::use(key), soci::use(value);
  });
}

// ---- workspaces -------------------------------------------------------------------------------------------------

Result<std::vector<WorkspaceRow>> Store::workspaces() {
  std::vector<WorkspaceRow> out;
  TRY_VOID(run([&](soci::session& sql) {
    WorkspaceRow row;
    long long created = 0;
    soci::statement rows =
        (sql.prepare << "SELECT id, name, database, admin_token_id, created_at FROM workspaces", soci::into(row.id),
         soci::into(row.name), soci::into(row.database), soci::into(row.admin_token_id), soci::into(created));
    rows.execute();
    while (rows.fetch()) {
      row.created_at = time_from(created);
      out.push_back(row);
    }
  }));
  return out;
}

Status Store::put_workspace(const WorkspaceRow& row) {
  return run([&](soci::session& sql) {
    const long long created = micros(row.created_at);
    sql << "INSERT OR REPLACE INTO workspaces (id, name, database, admin_token_id, created_at) VALUES (:a, :b, :c, :d, "
           ":e)",
        soci::use(row.id), soci::use(row.name), soci::use(row.database), soci::use(row.admin_token_id),
        soci::use(created);
  });
}

Status Store::remove_workspace(const std::string& id) {
  return run([&](soci::session& sql) {
    for (const char* table : {"tokens", "resources", "deployments", "deployment_files", "jobs", "variables", "ledger"})
      sql << fmt::format("DELETE FROM {} WHERE workspace_id = :id", table), soci::use(id);
    sql << "DELETE FROM workspaces WHERE id = :id", soci::use(id);
  });
}

// ---- tokens -----------------------------------------------------------------------------------------------------

Result<std::vector<Token>> Store::tokens(const std::string& workspace_id) {
  std::vector<Token> out;
  Status parsed;
  TRY_VOID(run([&](soci::session& sql) {
    Token token;
    std::string origin, scopes, file_scopes;
    long long created = 0, updated = 0;
    soci::statement rows =
        (sql.prepare << "SELECT id, name, description, value, origin, scopes_json, file_scopes_json, created_at, "
                        "updated_at FROM tokens WHERE workspace_id = :w",
         soci::use(workspace_id), soci::into(token.id), soci::into(token.name), soci::into(token.description),
         soci::into(token.value), soci::into(origin), soci::into(scopes), soci::into(file_scopes), soci::into(created),
         soci::into(updated));
    rows.execute();
    while (parsed && rows.fetch()) {
      const auto known = origin_from(origin);
      Result<std::vector<Scope>> own = scopes_from(scopes), from_files = scopes_from(file_scopes);
      if (!known || !own || !from_files) {
        parsed = fail(damaged("a token cannot be read"));
        break;
      }
      token.origin = *known;
      token.scopes = *std::move(own);
      token.file_scopes = *std::move(from_files);
      token.created_at = time_from(created);
      token.updated_at = time_from(updated);
      out.push_back(token);
    }
  }));
  if (!parsed) return fail(parsed.error());
  return out;
}

Status Store::put_token(const std::string& workspace_id, const Token& token) {
  return run([&](soci::session& sql) {
    const std::string origin = origin_name(token.origin);
    const std::string scopes = scopes_text(token.scopes), file_scopes = scopes_text(token.file_scopes);
    const long long created = micros(token.created_at), updated = micros(token.updated_at);
    sql << "DELETE FROM tokens WHERE id = :id", soci::use(token.id);
    sql << "INSERT INTO tokens (id, workspace_id, name, description, value, origin, scopes_json, file_scopes_json, "
           "created_at, updated_at) VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j)",
        soci::use(token.id), soci::use(workspace_id), soci::use(token.name), soci::use(token.description),
        soci::use(token.value), soci::use(origin), soci::use(scopes), soci::use(file_scopes), soci::use(created),
        soci::use(updated);
  });
}

Status Store::remove_token(const std::string& id) {
  return run([&](soci::session& sql) { sql << "DELETE FROM tokens WHERE id = :id", soci::use(id); });
}

// ---- resources --------------------------------------------------------------------------------------------------

Result<std::vector<ResourceRow>> Store::resources(const std::string& workspace_id) {
  std::vector<ResourceRow> out;
  Status parsed;
  TRY_VOID(run([&](soci::session& sql) {
    ResourceRow row;
    std::string kind, physical;
    long long created = 0, updated = 0;
    soci::statement rows =
        (sql.prepare << "SELECT kind, name, id, file, text, physical_json, created_at, updated_at FROM resources "
                        "WHERE workspace_id = :w ORDER BY kind, name",
         soci::use(workspace_id), soci::into(kind), soci::into(row.name), soci::into(row.id), soci::into(row.file),
         soci::into(row.text), soci::into(physical), soci::into(created), soci::into(updated));
    rows.execute();
    while (rows.fetch()) {
      const auto known = kind_from(kind);
      Result<std::vector<std::string>> names = strings_from(physical);
      if (!known || !names) {
        parsed = fail(damaged("a resource cannot be read"));
        break;
      }
      row.kind = *known;
      row.physical = *std::move(names);
      row.created_at = time_from(created);
      row.updated_at = time_from(updated);
      out.push_back(row);
    }
  }));
  if (!parsed) return fail(parsed.error());
  return out;
}

Status Store::put_resource(const std::string& workspace_id, const ResourceRow& row) {
  return run([&](soci::session& sql) {
    const std::string kind = kind_name(row.kind), physical = strings_text(row.physical);
    const long long created = micros(row.created_at), updated = micros(row.updated_at);
    sql << "DELETE FROM resources WHERE workspace_id = :w AND kind = :k AND name = :n", soci::use(workspace_id),
        soci::use(kind), soci::use(row.name);
    sql << "INSERT INTO resources (workspace_id, kind, name, id, file, text, physical_json, created_at, updated_at) "
           "VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i)",
        soci::use(workspace_id), soci::use(kind), soci::use(row.name), soci::use(row.id), soci::use(row.file),
        soci::use(row.text), soci::use(physical), soci::use(created), soci::use(updated);
  });
}

Status Store::remove_resource(const std::string& workspace_id, ResourceKind kind, const std::string& name) {
  return run([&](soci::session& sql) {
    const std::string text = kind_name(kind);
    sql << "DELETE FROM resources WHERE workspace_id = :w AND kind = :k AND name = :n", soci::use(workspace_id),
        soci::use(text), soci::use(name);
  });
}

// ---- deployments ------------------------------------------------------------------------------------------------

Result<std::vector<Deployment>> Store::deployments(const std::string& workspace_id) {
  std::vector<Deployment> out;
  Status parsed;
  TRY_VOID(run([&](soci::session& sql) {
    std::string record;
    soci::statement rows = (sql.prepare << "SELECT record_json FROM deployments WHERE workspace_id = :w ORDER BY id",
                            soci::use(workspace_id), soci::into(record));
    rows.execute();
    while (rows.fetch()) {
      Result<Deployment> one = deployment_from(record);
      if (!one) {
        parsed = fail(one.error());
        break;
      }
      out.push_back(*std::move(one));
    }
  }));
  if (!parsed) return fail(parsed.error());
  return out;
}

Status Store::put_deployment(const std::string& workspace_id, const Deployment& deployment) {
  TRY(const long long number, deployment_number(deployment.id));
  return run([&](soci::session& sql) {
    const std::string record = deployment_text(deployment);
    sql << "INSERT OR REPLACE INTO deployments (workspace_id, id, record_json) VALUES (:w, :i, :r)",
        soci::use(workspace_id), soci::use(number), soci::use(record);
  });
}

Status Store::remove_deployment(const std::string& workspace_id, const std::string& id) {
  TRY(const long long number, deployment_number(id));
  return run([&](soci::session& sql) {
    sql << "DELETE FROM deployments WHERE workspace_id = :w AND id = :i", soci::use(workspace_id), soci::use(number);
    sql << "DELETE FROM deployment_files WHERE workspace_id = :w AND deployment_id = :i", soci::use(workspace_id),
        soci::use(number);
  });
}

Result<std::vector<File>> Store::files(const std::string& workspace_id, const std::string& deployment_id) {
  TRY(const long long number, deployment_number(deployment_id));
  std::vector<File> out;
  TRY_VOID(run([&](soci::session& sql) {
    File file;
    soci::statement rows = (sql.prepare << "SELECT name, text FROM deployment_files WHERE workspace_id = :w AND "
                                           "deployment_id = :i ORDER BY position",
                            soci::use(workspace_id), soci::use(number), soci::into(file.name), soci::into(file.text));
    rows.execute();
    while (rows.fetch()) out.push_back(file);
  }));
  return out;
}

Status Store::put_files(const std::string& workspace_id, const std::string& deployment_id,
                        const std::vector<File>& files) {
  TRY(const long long number, deployment_number(deployment_id));
  return run([&](soci::session& sql) {
    sql << "DELETE FROM deployment_files WHERE workspace_id = :w AND deployment_id = :i", soci::use(workspace_id),
        soci::use(number);
    long long position = 0;
    std::string name, text;
    soci::statement insert =
        (sql.prepare << "INSERT INTO deployment_files (workspace_id, deployment_id, position, name, "
                        "text) VALUES (:w, :i, :p, :n, :t)",
         soci::use(workspace_id), soci::use(number), soci::use(position), soci::use(name), soci::use(text));
    for (const File& file : files) {
      ++position;
      name = file.name;
      text = file.text;
      insert.execute(true);
    }
  });
}

// ---- jobs -------------------------------------------------------------------------------------------------------

Result<std::vector<Job>> Store::jobs(const std::string& workspace_id) {
  std::vector<Job> out;
  Status parsed;
  TRY_VOID(run([&](soci::session& sql) {
    std::string record;
    soci::statement rows =
        (sql.prepare << "SELECT record_json FROM jobs WHERE workspace_id = :w ORDER BY created_at DESC",
         soci::use(workspace_id), soci::into(record));
    rows.execute();
    while (rows.fetch()) {
      Result<Job> one = job_from(record);
      if (!one) {
        parsed = fail(one.error());
        break;
      }
      out.push_back(*std::move(one));
    }
  }));
  if (!parsed) return fail(parsed.error());
  return out;
}

Status Store::put_job(const std::string& workspace_id, const Job& job) {
  return run([&](soci::session& sql) {
    const std::string record = job_text(job);
    const long long created = micros(job.created_at);
    sql << "INSERT OR REPLACE INTO jobs (id, workspace_id, created_at, record_json) VALUES (:a, :b, :c, :d)",
        soci::use(job.id), soci::use(workspace_id), soci::use(created), soci::use(record);
  });
}

Status Store::remove_job(const std::string& id) {
  return run([&](soci::session& sql) { sql << "DELETE FROM jobs WHERE id = :id", soci::use(id); });
}

// ---- variables --------------------------------------------------------------------------------------------------

Result<std::vector<Variable>> Store::variables(const std::string& workspace_id) {
  std::vector<Variable> out;
  TRY_VOID(run([&](soci::session& sql) {
    Variable one;
    long long created = 0, updated = 0;
    soci::statement rows =
        (sql.prepare << "SELECT name, sealed_value, edited_by, created_at, updated_at FROM variables "
                        "WHERE workspace_id = :w",
         soci::use(workspace_id), soci::into(one.name), soci::into(one.sealed_value), soci::into(one.edited_by),
         soci::into(created), soci::into(updated));
    rows.execute();
    while (rows.fetch()) {
      one.created_at = time_from(created);
      one.updated_at = time_from(updated);
      out.push_back(one);
    }
  }));
  return out;
}

Result<bool> Store::has_variables() {
  long long count = 0;
  TRY_VOID(run([&](soci::session& sql) { sql << "SELECT count(*) FROM variables", soci::into(count); }));
  return count > 0;
}

Status Store::put_variable(const std::string& workspace_id, const Variable& variable) {
  return run([&](soci::session& sql) {
    const long long created = micros(variable.created_at), updated = micros(variable.updated_at);
    sql << "INSERT OR REPLACE INTO variables (workspace_id, name, sealed_value, edited_by, created_at, updated_at) "
           "VALUES (:a, :b, :c, :d, :e, :f)",
        soci::use(workspace_id), soci::use(variable.name), soci::use(variable.sealed_value),
        soci::use(variable.edited_by), soci::use(created), soci::use(updated);
  });
}

Status Store::remove_variable(const std::string& workspace_id, const std::string& name) {
  return run([&](soci::session& sql) {
    sql << "DELETE FROM variables WHERE workspace_id = :w AND name = :n", soci::use(workspace_id), soci::use(name);
  });
}

}  // namespace kinglet::catalog::internal

#pragma clang attribute pop
