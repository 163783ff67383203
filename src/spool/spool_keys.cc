// SPDX-License-Identifier: Apache-2.0
#include "spool/spool_keys.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/log.h"
#include "spool/fixed_fields.h"
#include "spool/segment_checksum.h"

namespace kinglet::spool::internal {
namespace {

constexpr std::string_view keys_magic = "KLKEYS\n";
constexpr std::uint8_t keys_version = 1;
constexpr std::size_t head_size = 16;
constexpr std::size_t entry_size = 64;
const std::string log_name = "keys.log";
const std::string new_log_name = "keys.log.new";
/// keys.log is written anew when it holds twice the live keys and this many more.
constexpr std::size_t stale_entries_max = 65'536;

std::string encode_head() {
  std::string out(head_size, '\0');
  std::memcpy(out.data(), keys_magic.data(), keys_magic.size());
  put_at(out, 8, keys_version);
  return out;
}

std::string encode_entry(const KnownKey& key) {
  std::string out(entry_size, '\0');
  put_at(out, 0, key.hash.source);
  put_at(out, 8, key.hash.high);
  put_at(out, 16, key.hash.low);
  put_at(out, 24, key.accepted_at_ms);
  put_at(out, 32, key.successful_rows);
  put_at(out, 40, key.quarantined_rows);
  put_at(out, 48, key.content_hash);
  put_at(out, 60, crc32c(std::string_view(out).substr(0, 60)));
  return out;
}

}  // namespace

KeyHash hash_key(std::string_view source, std::string_view key) {
  std::array<std::uint64_t, 4> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(source.data()), source.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  KeyHash hash{.source = digest[0]};
  std::string both(reinterpret_cast<const char*>(digest.data()), sizeof digest);
  both.append(key);
  SHA256(reinterpret_cast<const unsigned char*>(both.data()), both.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  hash.high = digest[0];
  hash.low = digest[1];
  return hash;
}

const KnownKey* KeyIndex::find(const KeyHash& hash, std::int64_t now_ms) const {
  const auto found = known_.find(hash);
  if (found == known_.end() || expired(found->second.accepted_at_ms, now_ms)) return nullptr;
  return &found->second;
}

void KeyIndex::drop_oldest(std::uint64_t source) {
  const auto queue = by_source_.find(source);
  const Age oldest = queue->second.front();
  queue->second.pop_front();
  if (queue->second.empty()) by_source_.erase(queue);
  const auto found = known_.find(oldest.hash);
  // A key that was put again later has a newer place in the queue.
  if (found != known_.end() && found->second.accepted_at_ms == oldest.accepted_at_ms) known_.erase(found);
}

void KeyIndex::put(const KnownKey& key, std::int64_t now_ms) {
  if (expired(key.accepted_at_ms, now_ms)) return;
  if (const auto found = known_.find(key.hash);
      found != known_.end() && found->second.accepted_at_ms == key.accepted_at_ms)
    return;
  known_[key.hash] = key;
  by_source_[key.hash.source].push_back({.hash = key.hash, .accepted_at_ms = key.accepted_at_ms});
  const auto over = [&](const std::deque<Age>& queue) {
    return queue.size() > limits_.per_source_max || expired(queue.front().accepted_at_ms, now_ms);
  };
  for (auto queue = by_source_.find(key.hash.source); queue != by_source_.end() && over(queue->second);
       queue = by_source_.find(key.hash.source))
    drop_oldest(key.hash.source);
  while (known_.size() > limits_.total_max) {
    const auto largest =
        std::ranges::max_element(by_source_, {}, [](const auto& entry) { return entry.second.size(); });
    drop_oldest(largest->first);
  }
}

Status KeyIndex::load(SpoolFolder& folder, std::int64_t now_ms) {
  TRY(const auto names, folder.list(""));
  if (std::ranges::find(names, log_name) == names.end()) return {};
  TRY(file_, folder.open_file(log_name));
  TRY(const auto size, file_->size());
  TRY(const auto head, file_->read(0, head_size));
  if (head.starts_with(keys_magic) && head.size() == head_size && get_at<std::uint8_t>(head, 8) != keys_version)
    return fail(Code::unsupported, "the log of idempotency keys has format version {}, this build reads version {}",
                get_at<std::uint8_t>(head, 8), keys_version);
  if (head != encode_head()) {
    log::error(
        "the log of idempotency keys is damaged at its start: repeated requests of earlier days are not recognised");
    file_.reset();
    return {};
  }
  file_size_ = head_size;
  constexpr std::uint64_t chunk = entry_size * 16'384;
  for (std::uint64_t at = head_size; at < size; at += chunk) {
    TRY(const auto bytes, file_->read(at, chunk));
    for (std::size_t i = 0; i + entry_size <= bytes.size(); i += entry_size) {
      const std::string_view raw = std::string_view(bytes).substr(i, entry_size);
      file_size_ = at + i + entry_size;
      if (get_at<std::uint32_t>(raw, 60) != crc32c(raw.substr(0, 60))) continue;  // one broken entry spoils no other
      put({.hash = {.source = get_at<std::uint64_t>(raw, 0),
                    .high = get_at<std::uint64_t>(raw, 8),
                    .low = get_at<std::uint64_t>(raw, 16)},
           .accepted_at_ms = get_at<std::int64_t>(raw, 24),
           .successful_rows = get_at<std::uint64_t>(raw, 32),
           .quarantined_rows = get_at<std::uint64_t>(raw, 40),
           .content_hash = get_at<std::uint64_t>(raw, 48)},
          now_ms);
    }
  }
  return {};
}

Status KeyIndex::rewrite(SpoolFolder& folder) {
  TRY(auto file, folder.create(new_log_name));
  std::string bytes = encode_head();
  std::uint64_t size = 0;
  const auto write = [&]() -> Status {
    const std::string_view pieces[] = {bytes};
    TRY_VOID(file->write(size, pieces));
    size += bytes.size();
    bytes.clear();
    return {};
  };
  for (const auto& [source, queue] : by_source_) {
    for (const auto& age : queue) {
      const auto found = known_.find(age.hash);
      if (found == known_.end() || found->second.accepted_at_ms != age.accepted_at_ms) continue;
      bytes += encode_entry(found->second);
      if (bytes.size() > (1u << 20)) TRY_VOID(write());
    }
  }
  TRY_VOID(write());
  TRY_VOID(file->sync());
  TRY_VOID(folder.rename(new_log_name, log_name));
  TRY_VOID(folder.sync());
  file_ = std::move(file);
  file_size_ = size;
  return {};
}

Status KeyIndex::persist(SpoolFolder& folder, const std::vector<KnownKey>& keys) {
  if (keys.empty()) return {};
  // The live keys include `keys`: a new file holds them too.
  if (file_ == nullptr || file_size_ / entry_size > 2 * known_.size() + stale_entries_max) return rewrite(folder);
  std::string bytes;
  for (const auto& key : keys) bytes += encode_entry(key);
  const std::string_view pieces[] = {bytes};
  auto written = file_->write(file_size_, pieces);
  if (written) written = file_->sync();
  if (!written) {
    file_.reset();  // its end is unknown: the next call writes a new file
    return written;
  }
  file_size_ += bytes.size();
  return {};
}

}  // namespace kinglet::spool::internal
