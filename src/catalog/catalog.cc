// SPDX-License-Identifier: Apache-2.0
#include "catalog/catalog.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/check.h"
#include "catalog/load.h"
#include "catalog/secret_box.h"
#include "catalog/store.h"
#include "runtime/snapshot.h"

namespace kinglet::catalog {

namespace {

/// The lock of the data folder: the kernel drops it when the process ends, however it ends.
class FolderLock {
 public:
  static constexpr auto lock_patience = std::chrono::seconds(1);
  static Result<FolderLock> take(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail(Code::unavailable, "the data folder cannot be used: {}", std::strerror(errno));
    // A server killed while it starts an engine leaves the lock, for some milliseconds, with the child between fork and
    // exec.
    const auto patience = std::chrono::steady_clock::now() + lock_patience;
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (std::chrono::steady_clock::now() < patience) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        continue;
      }
      ::close(fd);
      return fail(Code::conflict, "another Kinglet server is using this data folder");
    }
    return FolderLock(fd);
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

Time system_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Status make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (error) return fail(Code::unavailable, "the data folder cannot be made: {}", error.message());
  if (made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (error) return fail(Code::unavailable, "the data folder cannot be made private: {}", error.message());
  return {};
}

Result<internal::SecretBox> open_secrets(const std::filesystem::path& key_file, internal::Store& store) {
  std::error_code error;
  if (std::filesystem::exists(key_file, error)) return internal::SecretBox::open(key_file);
  TRY(const bool needed, store.has_variables());
  // A new key would make every stored secret unreadable for good.
  if (needed) return internal::SecretBox::open(key_file);
  return internal::SecretBox::create(key_file);
}

}  // namespace

struct Catalog::State {
  explicit State(Options o, FolderLock l) : options(std::move(o)), lock(std::move(l)) {}

  Options options;
  FolderLock lock;
  std::unique_ptr<internal::Store> store;  // null once stopped
  std::optional<internal::SecretBox> secrets;
  kinglet::Snapshot<Snapshot> published;
  BlockingPool pool{{.name = "catalog", .thread_count = 1, .queue_max = Limits::queued_updates_max}};
};

Catalog::Catalog(std::unique_ptr<State> state) : state_(std::move(state)) {}

Catalog::~Catalog() {
  stop();
}

Result<std::unique_ptr<Catalog>> Catalog::open(Options options) {
  if (!options.now) options.now = system_now;
  TRY_VOID(make_folder(options.folder));
  TRY(FolderLock lock, FolderLock::take(options.folder / "catalog.lock"));
  TRY(auto store, internal::Store::open(options.folder / "catalog.sqlite", internal::migrations()));
  TRY(internal::SecretBox secrets, open_secrets(options.folder / "secrets.key", *store));
  TRY(std::shared_ptr<Snapshot> loaded, internal::load_snapshot(*store));
  std::unique_ptr<Catalog> catalog(new Catalog(std::make_unique<State>(std::move(options), std::move(lock))));
  State& state = *catalog->state_;
  state.store = std::move(store);
  state.secrets = std::move(secrets);
  state.published.publish(std::move(loaded));
  // Still on the opener's thread: the worker has nothing to do yet.
  TRY_VOID(catalog->run([&state](Transaction& transaction) { return transaction.bootstrap(state.options); }));
  return catalog;
}

void Catalog::stop() {
  state_->pool.stop();
  state_->store.reset();
}

SnapshotPtr Catalog::snapshot() const {
  return state_->published.get();
}

BlockingPool& Catalog::pool() {
  return state_->pool;
}

Status Catalog::run(const std::function<Status(Transaction&)>& change) {
  State& state = *state_;
  CHECK(state.store != nullptr, "stop() waits for all work before it closes the store");
  TRY_VOID(state.store->begin());
  Transaction transaction(*state.store, *state.secrets, state.published.get(), state.options.now(),
                          state.options.token_host);
  Status done = change(transaction);
  if (done) done = state.store->commit();
  if (!done) {
    state.store->rollback();
    return done;
  }
  state.published.publish(std::move(transaction.next_));
  return {};
}

Result<std::string> Catalog::secret(const Workspace& workspace, std::string_view name) const {
  const auto found = workspace.variables->find(name);
  if (found == workspace.variables->end()) return fail(Code::not_found, "There is no variable named '{}'", name);
  return state_->secrets->unseal(secret_place(workspace, name), found->second.sealed_value);
}

}  // namespace kinglet::catalog
