// From connection.start to open-ok: capabilities, login, tuning, vhost (docs/features.md:
// Connections).
#include <algorithm>
#include <charconv>

#include "amqp091/channel.h"
#include "amqp091/connection.h"
#include "base/log.h"

namespace polymq::amqp091 {
namespace {

using namespace std::chrono_literals;
using engine::Field;
using engine::Value;

/// What guesses passwords is slowed down by this much (clients have been told at once).
constexpr auto kRefusalDelay = 3000ms;

engine::Fields server_capabilities() {
  engine::Fields all;
  for (const std::string_view name :
       {"publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
        "connection.blocked", "consumer_priorities", "authentication_failure_close",
        "per_consumer_qos", "direct_reply_to"}) {
    all.push_back({std::string(name), Value::boolean(true)});
  }
  return all;
}

bool flag(const engine::Fields& fields, std::string_view name) {
  const Value* value = engine::find(fields, name);
  return value != nullptr && value->as_bool() != nullptr && *value->as_bool();
}

ProtocolError not_allowed(std::string text, MethodId id) {
  return {ReplyCode::kNotAllowed, std::move(text), id};
}

}  // namespace

template <class M>
bool Connection::expect(State state, const M&) {
  if (state_ == state) return true;
  unexpected(M::kId);
  return false;
}

void Connection::send_start() {
  engine::Fields properties = settings_.server_properties;
  properties.insert(properties.begin(), Field{"capabilities", Value::table(server_capabilities())});
  const std::string table = encode_table(properties);
  const std::string mechanisms = auth::offered_mechanisms(settings_.sasl);
  send(0, method::ConnectionStart{.version_major = 0,
                                  .version_minor = 9,
                                  .server_properties = {table},
                                  .mechanisms = {mechanisms},
                                  .locales = {"en_US"}});
}

void Connection::read_client_properties(std::string_view table) {
  client_properties_ = table;
  const engine::Fields properties = decode_table(table).value_or(engine::Fields{});
  const auto text = [&](std::string_view name) -> std::string {
    const Value* value = engine::find(properties, name);
    return value == nullptr || value->as_string() == nullptr ? "" : *value->as_string();
  };
  connection_name_ = text("connection_name");
  client_name_ = text("product") + " " + text("version");
  // kombu counts on this from every broker but RabbitMQ, and adjusts its prefetch at run time.
  capabilities_.qos_by_specification = text("product") == "py-amqp";
  const Value* announced = engine::find(properties, "capabilities");
  if (announced == nullptr || announced->as_table() == nullptr) return;
  const engine::Fields& table_fields = *announced->as_table();
  capabilities_.consumer_cancel_notify = flag(table_fields, "consumer_cancel_notify");
  capabilities_.connection_blocked = flag(table_fields, "connection.blocked");
  capabilities_.authentication_failure_close = flag(table_fields, "authentication_failure_close");
}

void Connection::on(const method::ConnectionStartOk& start) {
  if (!expect(State::kStartOk, start)) return;
  read_client_properties(start.client_properties.bytes);
  mechanism_name_ = start.mechanism;
  directory_version_ = admission_.directory_version();
  directory_ = admission_.directory();
  mechanism_ = auth::make_mechanism(start.mechanism, settings_.sasl, directory_);
  if (!mechanism_) {
    return fail({ReplyCode::kCommandInvalid,
                 "unknown authentication mechanism '" + mechanism_name_ + "'",
                 method::ConnectionStartOk::kId});
  }
  step_sasl(start.response.bytes);
}

void Connection::on(const method::ConnectionSecureOk& secure) {
  if (!expect(State::kSecureOk, secure)) return;
  step_sasl(secure.response.bytes);
}

void Connection::step_sasl(std::string_view response) {
  const auth::SaslStep step = mechanism_->step(response);
  switch (step.kind) {
    case auth::SaslStep::Kind::kChallenge:
      state_ = State::kSecureOk;
      return send(0, method::ConnectionSecure{{step.text}});
    case auth::SaslStep::Kind::kMalformed:
      return fail({ReplyCode::kSyntaxError, "response of mechanism " + mechanism_name_ + " invalid",
                   method::ConnectionStartOk::kId});
    case auth::SaslStep::Kind::kRefused:
      return login_refused(step);
    case auth::SaslStep::Kind::kAccepted:
      break;
  }
  user_ = step.user;
  if (directory_->loopback_only(user_) && !peer_.loopback) {
    return login_refused({auth::SaslStep::Kind::kRefused, user_,
                          "user '" + user_ + "' can only connect via localhost"});
  }
  mechanism_.reset();
  start_tuning();
}

void Connection::login_refused(const auth::SaslStep& step) {
  log(log::Area::kAuth, log::Level::kWarning, "login refused",
      {{"claimed_user", step.user}, {"mechanism", mechanism_name_}, {"reason", step.text}});
  state_ = State::kClosing;
  if (capabilities_.authentication_failure_close) {
    const std::string text = "ACCESS_REFUSED - Login was refused using authentication mechanism " +
                             mechanism_name_ + ". For details see the broker logfile.";
    send(0, method::ConnectionClose{static_cast<std::uint16_t>(ReplyCode::kAccessRefused), text, 0,
                                    0});
  }
  transport_.shut(kRefusalDelay);
}

void Connection::start_tuning() {
  state_ = State::kTuneOk;
  send(0,
       method::ConnectionTune{settings_.channel_max, settings_.frame_max, settings_.heartbeat_s});
}

void Connection::on(const method::ConnectionTuneOk& tune) {
  if (!expect(State::kTuneOk, tune)) return;
  const MethodId id = method::ConnectionTuneOk::kId;
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  if (tune.frame_max != 0 && tune.frame_max < kSmallestFrameMax) {
    return fail(not_allowed("negotiated frame_max = " + number(tune.frame_max) +
                                " is lower than the minimum allowed value (" +
                                number(kSmallestFrameMax) + ")",
                            id));
  }
  if (settings_.frame_max != 0 && (tune.frame_max == 0 || tune.frame_max > settings_.frame_max)) {
    return fail(not_allowed("negotiated frame_max = " + number(tune.frame_max) +
                                (tune.frame_max == 0 ? " (no limit)" : "") +
                                " is higher than the maximum allowed value (" +
                                number(settings_.frame_max) + ")",
                            id));
  }
  if (settings_.channel_max != 0 &&
      (tune.channel_max == 0 || tune.channel_max > settings_.channel_max)) {
    return fail(not_allowed("negotiated channel_max = " + number(tune.channel_max) +
                                (tune.channel_max == 0 ? " (no limit)" : "") +
                                " is higher than the maximum allowed value (" +
                                number(settings_.channel_max) + ")",
                            id));
  }
  channel_max_ = tune.channel_max;
  frame_max_ = tune.frame_max;
  heartbeat_s_ = tune.heartbeat;
  state_ = State::kOpen;
}

void Connection::on(const method::ConnectionOpen& open) {
  if (state_ == State::kRunning) return unexpected(method::ConnectionOpen::kId);
  if (!expect(State::kOpen, open)) return;
  const std::string vhost(open.virtual_host);
  const MethodId id = method::ConnectionOpen::kId;
  if (shard_.topology().vhost(vhost) == nullptr) {
    return fail(not_allowed("vhost " + vhost + " not found", id));
  }
  if (!directory_->vhost_allowed(user_, vhost)) {
    return fail(
        not_allowed("access to vhost '" + vhost + "' refused for user '" + user_ + "'", id));
  }
  if (const std::string refused = admission_.enter(user_, vhost); !refused.empty()) {
    return fail(not_allowed(refused, id));
  }
  admitted_ = true;
  client_ = std::make_unique<engine::Client>(shard_, *this, vhost);
  state_ = State::kRunning;
  log(log::Area::kConnection, log::Level::kInfo, "connection opened",
      {{"name", connection_name_},
       {"client", client_name_},
       {"tls", peer_.tls},
       {"certificate", peer_.certificate}});
  send(0, method::ConnectionOpenOk{});
}

void Connection::on(const method::ConnectionUpdateSecret& update) {
  if (!expect(State::kRunning, update)) return;
  const std::shared_ptr<const auth::Directory> directory = admission_.directory();
  if (directory->authenticate(user_, update.new_secret.bytes) == nullptr) {
    return fail(not_allowed("New secret was refused by one of the backends",
                            method::ConnectionUpdateSecret::kId));
  }
  send(0, method::ConnectionUpdateSecretOk{});
}

// --- permissions --------------------------------------------------------------------------------
void Connection::take_new_directory() {
  if (directory_current()) return;
  directory_version_ = admission_.directory_version();
  directory_ = admission_.directory();
  verdicts_.clear();
  user_gone_ = directory_->find(user_) == nullptr;
}

bool Connection::impersonator() const {
  const auth::User* user = directory_->find(user_);
  return user != nullptr &&
         std::find(user->tags.begin(), user->tags.end(), "impersonator") != user->tags.end();
}

bool Connection::allowed(auth::Access access, std::string_view resource) {
  constexpr std::size_t kMostVerdicts = 32;
  take_new_directory();
  if (resource.empty()) resource = "amq.default";
  for (const Verdict& verdict : verdicts_) {
    if (verdict.access == access && verdict.resource == resource) return verdict.allowed;
  }
  if (verdicts_.size() >= kMostVerdicts) verdicts_.clear();
  const bool allowed = directory_->allowed(user_, vhost(), access, resource);
  verdicts_.push_back({access, std::string(resource), allowed});
  return allowed;
}

bool Connection::topic_allowed(auth::Access access, std::string_view exchange,
                               std::string_view key) {
  return directory_->topic_allowed(user_, vhost(), access, exchange, key);
}

}  // namespace polymq::amqp091
