// SASL mechanisms: each a small object that is fed the client's responses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/directory.h"

namespace polymq::auth {

/// What came out of one response.
struct SaslStep {
  enum class Kind : std::uint8_t {
    kChallenge,  // send `text` (connection.secure) and feed the answer to the next step
    kAccepted,   // `user` is who it is
    kRefused,    // `user` is who it claims to be; `text` why not, for the log
    kMalformed,  // `text` what is wrong with the response, for the log
  };
  Kind kind;
  std::string user;
  std::string text;
};

/// One login attempt. Used by one connection; holds the directory it was made with.
class SaslMechanism {
 public:
  virtual ~SaslMechanism() = default;
  /// `response`: of connection.start-ok first, then of connection.secure-ok. Not to be called
  /// again after anything but kChallenge.
  virtual SaslStep step(std::string_view response) = 0;
};

struct SaslSettings {
  std::vector<std::string> mechanisms;  // of PLAIN, AMQPLAIN, RABBIT-CR-DEMO
  std::string anonymous_user;           // not empty: ANONYMOUS is offered, too
};

/// The offered names, separated by spaces, as connection.start has them.
std::string offered_mechanisms(const SaslSettings& settings);

/// Null when the mechanism is not offered. Names are compared as they are.
std::unique_ptr<SaslMechanism> make_mechanism(std::string_view name, const SaslSettings& settings,
                                              std::shared_ptr<const Directory> directory);

}  // namespace polymq::auth
