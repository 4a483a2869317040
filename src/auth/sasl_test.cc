// Logins step by step.
#include "auth/sasl.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace polymq::auth {
namespace {

using Kind = SaslStep::Kind;
using namespace std::string_literals;

class Sasl : public ::testing::Test {
 protected:
  std::unique_ptr<SaslMechanism> mechanism(std::string_view name) {
    return make_mechanism(name, settings_, directory_);
  }
  SaslStep only_step(std::string_view name, std::string_view response) {
    return mechanism(name)->step(response);
  }

  SaslSettings settings_{.mechanisms = {"PLAIN", "AMQPLAIN", "RABBIT-CR-DEMO"},
                         .anonymous_user = "guest"};
  std::shared_ptr<const Directory> directory_ =
      std::make_shared<const Directory>(default_users(), std::vector<std::string>{});
};

std::string table(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  Buffer out;
  for (const auto& [name, value] : fields) {
    out.short_string(name);
    out.u8('S');
    out.long_string(value);
  }
  return std::string(out.view());
}

TEST_F(Sasl, OffersWhatIsConfigured) {
  EXPECT_EQ(offered_mechanisms(settings_), "PLAIN AMQPLAIN RABBIT-CR-DEMO ANONYMOUS");
  settings_ = {.mechanisms = {"PLAIN"}, .anonymous_user = ""};
  EXPECT_EQ(offered_mechanisms(settings_), "PLAIN");
  EXPECT_NE(mechanism("PLAIN"), nullptr);
  EXPECT_EQ(mechanism("ANONYMOUS"), nullptr);
  EXPECT_EQ(mechanism("AMQPLAIN"), nullptr);
  EXPECT_EQ(mechanism("plain"), nullptr);
  EXPECT_EQ(mechanism(""), nullptr);
}

TEST_F(Sasl, PlainLogsInAndRefuses) {
  const SaslStep right = only_step("PLAIN", "\0guest\0guest"s);
  EXPECT_EQ(right.kind, Kind::kAccepted);
  EXPECT_EQ(right.user, "guest");
  const SaslStep wrong = only_step("PLAIN", "\0guest\0wrong"s);
  EXPECT_EQ(wrong.kind, Kind::kRefused);
  EXPECT_EQ(wrong.user, "guest");
  EXPECT_EQ(wrong.text, "invalid credentials");
  EXPECT_EQ(only_step("PLAIN", "\0\0"s).kind, Kind::kRefused);
}

TEST_F(Sasl, PlainWithoutItsTwoNulsIsMalformed) {
  for (const std::string& response :
       {""s, "\0"s, "\0guest"s, "guest\0guest"s, "admin\0guest\0guest"s, "\0guest\0guest\0"s}) {
    EXPECT_EQ(only_step("PLAIN", response).kind, Kind::kMalformed);
  }
}

TEST_F(Sasl, AmqPlainReadsATable) {
  EXPECT_EQ(only_step("AMQPLAIN", table({{"LOGIN", "guest"}, {"PASSWORD", "guest"}})).kind,
            Kind::kAccepted);
  EXPECT_EQ(only_step("AMQPLAIN", table({{"PASSWORD", "x"}, {"LOGIN", "guest"}})).kind,
            Kind::kRefused);
}

TEST_F(Sasl, AmqPlainStepsOverFieldsItDoesNotKnow) {
  const std::string others =
      "\x01"
      "at\x01"
      "\x01"
      "bI\0\0\0\1"
      "\x01"
      "cV"
      "\x01"
      "dF\0\0\0\0"s;
  const std::string login = table({{"LOGIN", "guest"}, {"PASSWORD", "guest"}});
  EXPECT_EQ(only_step("AMQPLAIN", others + login).kind, Kind::kAccepted);
}

TEST_F(Sasl, AmqPlainRefusesWhatIsNoTableOrLacksAField) {
  const std::string login = table({{"LOGIN", "guest"}, {"PASSWORD", "guest"}});
  for (std::size_t length = 0; length < login.size(); ++length) {
    EXPECT_EQ(only_step("AMQPLAIN", login.substr(0, length)).kind, Kind::kMalformed) << length;
  }
  EXPECT_EQ(only_step("AMQPLAIN", login + "\x01"
                                          "a?")
                .kind,
            Kind::kMalformed);
  EXPECT_EQ(only_step("AMQPLAIN", table({{"LOGIN", "guest"}})).kind, Kind::kMalformed);
}

TEST_F(Sasl, AnonymousIsTheConfiguredUser) {
  EXPECT_EQ(only_step("ANONYMOUS", "whatever").user, "guest");
  settings_.anonymous_user = "gone";
  EXPECT_EQ(only_step("ANONYMOUS", "").kind, Kind::kRefused);
}

TEST_F(Sasl, TheDemonstrationAsksForThePasswordInASecondStep) {
  const auto demo = mechanism("RABBIT-CR-DEMO");
  const SaslStep challenge = demo->step("guest");
  EXPECT_EQ(challenge.kind, Kind::kChallenge);
  EXPECT_EQ(challenge.text, "Please tell me your password");
  EXPECT_EQ(demo->step("My password is guest").kind, Kind::kAccepted);

  const auto wrong = mechanism("RABBIT-CR-DEMO");
  wrong->step("guest");
  EXPECT_EQ(wrong->step("My password is sesame").kind, Kind::kRefused);
  const auto malformed = mechanism("RABBIT-CR-DEMO");
  malformed->step("guest");
  EXPECT_EQ(malformed->step("guest").kind, Kind::kMalformed);
}

}  // namespace
}  // namespace polymq::auth
