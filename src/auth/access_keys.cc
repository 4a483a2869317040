// The file of access keys, and making them.
#include "auth/access_keys.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "auth/table_reader.h"

namespace polymq::auth {
namespace {

constexpr std::size_t kLongestId = 128;
constexpr std::size_t kLargestFile = std::size_t{16} << 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Nothing that would end the id where it stands in a signature's scope.
bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kLongestId &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' ||
                  c == '-';
         });
}

bool is_account(std::string_view text) {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), is_digit);
}

AccessKey read_key(const toml::table& table, TableReader& reader) {
  reader.check_names(table, {"id", "secret", "user", "account"});
  AccessKey key{.id = reader.required_text(table, "id"),
                .secret = reader.required_text(table, "secret"),
                .user = reader.required_text(table, "user"),
                .account = reader.text(table, "account")};
  if (!key.id.empty() && !is_id(key.id)) {
    reader.problem(*table.get("id"), "id: must be up to 128 letters, digits, - and _");
  }
  if (!key.account.empty() && !is_account(key.account)) {
    reader.problem(*table.get("account"), "account: must be 12 digits");
  }
  return key;
}

std::vector<AccessKey> read_keys(const toml::table& root, TableReader& reader) {
  reader.check_names(root, {"keys"});
  std::vector<AccessKey> keys;
  std::set<std::string> ids;
  for (const toml::table* table : reader.tables(root, "keys")) {
    keys.push_back(read_key(*table, reader));
    if (!keys.back().id.empty() && !ids.insert(keys.back().id).second) {
      reader.problem(*table->get("id"), "key '" + keys.back().id + "' is there twice");
    }
  }
  return keys;
}

Result<void> check_mode(int fd, const std::string& file) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return fail(file + ": " + std::generic_category().message(errno));
  }
  constexpr mode_t kOfOthers = S_IRWXG | S_IRWXO;
  if ((status.st_mode & kOfOthers) == 0) return {};
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
  return fail(file + ": has secrets in it and the mode " + mode.data() +
              ", with which others can use it; `chmod 600 " + file + "`");
}

/// Looks at the mode of the very file that is read.
Result<std::string> read_secret_file(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const auto cannot = [&] {
    return fail(file +
                ": cannot read the file of access keys: " + std::generic_category().message(errno));
  };
  if (fd < 0) return cannot();
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(::fdopen(fd, "rb"), &std::fclose);
  if (stream == nullptr) return cannot();
  if (auto good = check_mode(fd, file); !good) return tl::make_unexpected(good.error());
  std::string text;
  std::array<char, 16 * 1024> part{};
  while (text.size() <= kLargestFile) {
    const std::size_t size = std::fread(part.data(), 1, part.size(), stream.get());
    if (size == 0) break;
    text.append(part.data(), size);
  }
  if (std::ferror(stream.get()) != 0) return cannot();
  if (text.size() > kLargestFile) return fail(file + ": is too large");
  return text;
}

}  // namespace

AccessKeys::AccessKeys(std::vector<AccessKey> keys) : keys_(std::move(keys)) {
  for (const AccessKey& key : keys_) by_id_.emplace(key.id, &key);
}

const AccessKey* AccessKeys::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

Result<std::vector<AccessKey>> parse_access_keys(std::string_view toml, const std::string& file) {
  TableReader reader(file);
  std::vector<AccessKey> keys;
  const auto done = read_tables(toml, reader, file,
                                [&](const toml::table& root) { keys = read_keys(root, reader); });
  if (!done) return tl::make_unexpected(done.error());
  return keys;
}

Result<std::shared_ptr<const AccessKeys>> load_access_keys(const std::string& file) {
  const auto text = read_secret_file(file);
  if (!text) return tl::make_unexpected(text.error());
  auto keys = parse_access_keys(*text, file);
  if (!keys) return tl::make_unexpected(keys.error());
  return std::make_shared<const AccessKeys>(*std::move(keys));
}

Result<AccessKey> make_access_key(std::string_view user) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  constexpr std::size_t kIdSize = 20;
  std::array<unsigned char, kIdSize> id{};
  std::array<unsigned char, 30> secret{};
  if (RAND_bytes(id.data(), id.size()) != 1 || RAND_bytes(secret.data(), secret.size()) != 1) {
    return fail("there are no random numbers to be had");
  }
  AccessKey key{.id = "PMQ", .secret = {}, .user = std::string(user), .account = {}};
  for (std::size_t i = key.id.size(); i < kIdSize; ++i) key.id += kLetters[id[i] % 32];
  std::array<unsigned char, secret.size() / 3 * 4 + 1> base64{};
  const int size = EVP_EncodeBlock(base64.data(), secret.data(), secret.size());
  key.secret.assign(base64.begin(), base64.begin() + size);
  return key;
}

std::string to_toml(const AccessKey& key) {
  const auto quoted = [](const std::string& text) {
    std::ostringstream out;
    out << toml::value<std::string>(text);
    return out.str();
  };
  return "[[keys]]\nid = " + quoted(key.id) + "\nsecret = " + quoted(key.secret) +
         "\nuser = " + quoted(key.user) + "\n";
}

}  // namespace polymq::auth
