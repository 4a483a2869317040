// The mechanisms PLAIN, AMQPLAIN, ANONYMOUS and RABBIT-CR-DEMO.
#include "auth/sasl.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"

namespace polymq::auth {
namespace {

using Kind = SaslStep::Kind;

SaslStep log_in(const Directory& directory, std::string_view user, std::string_view password) {
  if (directory.authenticate(user, password) != nullptr) {
    return {Kind::kAccepted, std::string(user), ""};
  }
  return {Kind::kRefused, std::string(user), "invalid credentials"};
}

/// NUL, user, NUL, password (RFC 4616 without an authorization identity).
class Plain : public SaslMechanism {
 public:
  explicit Plain(std::shared_ptr<const Directory> directory) : directory_(std::move(directory)) {}

  SaslStep step(std::string_view response) override {
    const std::size_t second = response.find('\0', 1);
    if (!response.starts_with('\0') || second == std::string_view::npos ||
        response.find('\0', second + 1) != std::string_view::npos) {
      return {Kind::kMalformed, "", "response of PLAIN is invalid"};
    }
    return log_in(*directory_, response.substr(1, second - 1), response.substr(second + 1));
  }

 private:
  std::shared_ptr<const Directory> directory_;
};

/// Steps over a field's value; false for an unknown type.
bool skip_value(ByteReader& reader, char type) {
  switch (type) {
    case 'V':
      return true;
    case 't':
    case 'b':
    case 'B':
      reader.bytes(1);
      return true;
    case 's':
    case 'u':
      reader.bytes(2);
      return true;
    case 'I':
    case 'i':
    case 'f':
      reader.bytes(4);
      return true;
    case 'D':
      reader.bytes(5);
      return true;
    case 'l':
    case 'd':
    case 'T':
      reader.bytes(8);
      return true;
    case 'S':
    case 'x':
    case 'A':
    case 'F':
      reader.long_string();
      return true;
    default:
      return false;
  }
}

/// The body of an AMQP 0-9-1 field table with the strings LOGIN and PASSWORD.
class AmqPlain : public SaslMechanism {
 public:
  explicit AmqPlain(std::shared_ptr<const Directory> directory)
      : directory_(std::move(directory)) {}

  SaslStep step(std::string_view response) override {
    std::optional<std::string_view> user;
    std::optional<std::string_view> password;
    ByteReader reader(response);
    bool known = true;
    while (known && reader.ok() && reader.left() != 0) {
      const std::string_view name = reader.short_string();
      const char type = static_cast<char>(reader.u8());
      auto* const wanted = name == "LOGIN" ? &user : name == "PASSWORD" ? &password : nullptr;
      if (wanted != nullptr && (type == 'S' || type == 'x')) {
        *wanted = reader.long_string();
      } else {
        known = skip_value(reader, type);
      }
    }
    if (!known || !reader.ok()) return {Kind::kMalformed, "", "response of AMQPLAIN is no table"};
    if (!user || !password) {
      return {Kind::kMalformed, "", "response of AMQPLAIN is missing LOGIN or PASSWORD"};
    }
    return log_in(*directory_, *user, *password);
  }

 private:
  std::shared_ptr<const Directory> directory_;
};

/// Whoever comes is the configured user; the response is not looked at.
class Anonymous : public SaslMechanism {
 public:
  Anonymous(std::shared_ptr<const Directory> directory, std::string user)
      : directory_(std::move(directory)), user_(std::move(user)) {}

  SaslStep step(std::string_view) override {
    if (directory_->find(user_) != nullptr) return {Kind::kAccepted, user_, ""};
    return {Kind::kRefused, user_, "the user for anonymous logins does not exist"};
  }

 private:
  std::shared_ptr<const Directory> directory_;
  const std::string user_;
};

/// RabbitMQ's demonstration of a challenge: the user's name, then a sentence with the password.
class ChallengeDemo : public SaslMechanism {
 public:
  explicit ChallengeDemo(std::shared_ptr<const Directory> directory)
      : directory_(std::move(directory)) {}

  SaslStep step(std::string_view response) override {
    constexpr std::string_view kAnswer = "My password is ";
    if (!user_) {
      user_ = response;
      return {Kind::kChallenge, "", "Please tell me your password"};
    }
    if (!response.starts_with(kAnswer)) {
      return {Kind::kMalformed, *user_, "response of RABBIT-CR-DEMO is invalid"};
    }
    return log_in(*directory_, *user_, response.substr(kAnswer.size()));
  }

 private:
  std::shared_ptr<const Directory> directory_;
  std::optional<std::string> user_;
};

bool offered(std::string_view name, const SaslSettings& settings) {
  if (name == "ANONYMOUS") return !settings.anonymous_user.empty();
  return std::find(settings.mechanisms.begin(), settings.mechanisms.end(), name) !=
         settings.mechanisms.end();
}

}  // namespace

std::string offered_mechanisms(const SaslSettings& settings) {
  std::string names;
  for (const std::string& name : settings.mechanisms) names += (names.empty() ? "" : " ") + name;
  if (!settings.anonymous_user.empty()) names += names.empty() ? "ANONYMOUS" : " ANONYMOUS";
  return names;
}

std::unique_ptr<SaslMechanism> make_mechanism(std::string_view name, const SaslSettings& settings,
                                              std::shared_ptr<const Directory> directory) {
  if (!offered(name, settings)) return nullptr;
  if (name == "PLAIN") return std::make_unique<Plain>(std::move(directory));
  if (name == "AMQPLAIN") return std::make_unique<AmqPlain>(std::move(directory));
  if (name == "ANONYMOUS") {
    return std::make_unique<Anonymous>(std::move(directory), settings.anonymous_user);
  }
  if (name == "RABBIT-CR-DEMO") return std::make_unique<ChallengeDemo>(std::move(directory));
  return nullptr;
}

}  // namespace polymq::auth
