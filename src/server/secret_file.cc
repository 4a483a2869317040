// Read where it is there, else drawn and kept.
#include "server/secret_file.h"

#include <openssl/rand.h>

#include <filesystem>

#include "storage/files.h"
#include "storage/whole_file.h"

namespace polymq::server {
namespace {

constexpr std::size_t kSize = 32;

Result<std::string> random_octets() {
  std::string octets(kSize, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(octets.data()), kSize) != 1) {
    return fail("there are no random numbers to be had");
  }
  return octets;
}

storage::FileResult<std::string> read(storage::Files& files, const std::string& name) {
  auto file = files.open(name);
  if (!file) return tl::make_unexpected(file.error());
  std::string octets(kSize, '\0');
  if (auto done = (*file)->read(0, octets.data(), kSize); !done) {
    return tl::make_unexpected(done.error());
  }
  return octets;
}

}  // namespace

Result<std::string> own_secret(const std::string& folder, const std::string& name) {
  if (folder.empty()) return random_octets();
  const auto files = storage::open_folder(folder);
  if (std::filesystem::exists(folder + "/" + name)) {
    auto known = read(*files, name);
    if (!known) return fail(known.error().text);
    return *std::move(known);
  }
  auto fresh = random_octets();
  if (!fresh) return fresh;
  if (auto done = storage::write_whole(*files, name, *fresh); !done) return fail(done.error().text);
  return fresh;
}

}  // namespace polymq::server
