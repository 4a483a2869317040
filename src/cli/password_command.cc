// Hashing of passwords for users files, and new access keys.
#include "cli/password_command.h"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "auth/access_keys.h"
#include "auth/password.h"
#include "cli/exit_code.h"

namespace polymq::cli {
namespace {

/// A terminal that does not show what is typed, as long as this lives.
class Quiet {
 public:
  Quiet() : terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!terminal_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    std::fputs("Password: ", stderr);
  }
  ~Quiet() {
    if (!terminal_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::fputs("\n", stderr);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  termios before_{};
  bool terminal_;
};

}  // namespace

int hash_password(const std::string& algorithm) {
  const auto known = auth::parse_hash_algorithm(algorithm);
  if (!known) {
    std::fprintf(stderr, "polymq: '%s' is neither sha256 nor sha512\n", algorithm.c_str());
    return kUsage;
  }
  std::string password;
  {
    const Quiet quiet;
    std::getline(std::cin, password);
  }
  if (password.empty()) {
    std::fputs("polymq: there is no password on standard input\n", stderr);
    return kUsage;
  }
  std::puts(auth::PasswordHash::make(password, *known).to_base64().c_str());
  return kOk;
}

int make_access_key(const std::string& user) {
  const auto key = auth::make_access_key(user);
  if (!key) {
    std::fprintf(stderr, "polymq: %s\n", key.error().text.c_str());
    return kFailure;
  }
  std::fputs(auth::to_toml(*key).c_str(), stdout);
  return kOk;
}

}  // namespace polymq::cli
