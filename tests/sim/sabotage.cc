// Mail that is lost or says something else than its sender said.
#include "sabotage.h"

namespace polymq::sim {
namespace {

using engine::Mail;
using engine::QueueRequest;

template <class What>
What* asked_of_queue(Mail& mail) {
  auto* request = std::get_if<QueueRequest>(&mail);
  return request == nullptr ? nullptr : std::get_if<What>(&request->what);
}

bool falsify_receive(Sabotage sabotage, engine::ReceiveOptions& options) {
  switch (sabotage) {
    case Sabotage::kShortenLeases:
      options.lease_ms /= 2;
      return true;
    case Sabotage::kLengthenLeases:
      options.lease_ms *= 2;
      return true;
    case Sabotage::kShortenWaits:
      options.wait_ms = 0;
      return true;
    case Sabotage::kLengthenWaits:
      options.wait_ms *= 2;
      return true;
    case Sabotage::kForgetAttempts:
      options.attempt.reset();
      return true;
    default:
      return false;
  }
}

bool falsify_tokens(Sabotage sabotage, engine::SettleTokens& tokens) {
  if (sabotage == Sabotage::kWidenTokens) {
    tokens.freshness = engine::Freshness::kAny;
    return true;
  }
  if (sabotage != Sabotage::kKeepDeleted || tokens.how != engine::Settle::kAck) return false;
  tokens.how = engine::Settle::kRequeue;
  return true;
}

bool falsify_settings(Sabotage sabotage, engine::DeclareQueue& declared) {
  if (!declared.settings) return false;
  engine::QueueSettings settings = **declared.settings;
  switch (sabotage) {
    case Sabotage::kShortenWindows:
      if (settings.deduplication_window_ms) settings.deduplication_window_ms = 1;
      break;
    case Sabotage::kRaiseLimits:
      if (settings.receive_limit) ++*settings.receive_limit;
      break;
    case Sabotage::kDropDelays:
      settings.delay_ms.reset();
      break;
    case Sabotage::kForgetGroups:
      settings.message_groups.reset();
      break;
    default:
      return false;
  }
  declared.settings = std::make_shared<const engine::QueueSettings>(std::move(settings));
  return true;
}

bool falsify_order(engine::ChangeQueue& change) {
  for (engine::Field& field : change.set) {
    auto order = engine::move_order_of(field.value);
    if (field.name != engine::kMoveOrderArgument || !order || order->rate == 0) continue;
    order->given += 1'000'000'000;  // in which many could be moved
    field.value = engine::to_value(*order);
    return true;
  }
  return false;
}

bool invent_doubles(engine::PublishAnswer& answer) {
  for (engine::PublishPlace& place : answer.places) place.duplicate = true;
  return !answer.places.empty();
}

}  // namespace

bool loses(Sabotage sabotage, const Mail& mail) {
  switch (sabotage) {
    case Sabotage::kLosePublishes:
    case Sabotage::kSwapPublishes:
      return std::holds_alternative<engine::PublishBatch>(mail);
    case Sabotage::kLoseConfirms:
      return std::holds_alternative<engine::PublishAnswer>(mail);
    case Sabotage::kLoseDeliveries:
      return std::holds_alternative<engine::DeliveryBatch>(mail);
    case Sabotage::kLoseSettlements:
      return std::holds_alternative<engine::SettleBatch>(mail);
    case Sabotage::kLoseReplies:
      return std::holds_alternative<engine::Reply>(mail);
    case Sabotage::kLoseDeltas:
      return std::holds_alternative<engine::Round>(mail);
    case Sabotage::kLoseMoveEnds:
      return std::holds_alternative<engine::MoveEnded>(mail);
    default:  // not about lost mail
      return false;
  }
}

bool falsify(Sabotage sabotage, Mail& mail) {
  if (auto* receive = asked_of_queue<engine::Receive>(mail)) {
    return falsify_receive(sabotage, receive->options);
  }
  if (auto* tokens = asked_of_queue<engine::SettleTokens>(mail)) {
    return falsify_tokens(sabotage, *tokens);
  }
  if (auto* answer = std::get_if<engine::PublishAnswer>(&mail)) {
    return sabotage == Sabotage::kInventDoubles && invent_doubles(*answer);
  }
  auto* request = std::get_if<engine::ControlRequest>(&mail);
  if (request == nullptr) return false;
  if (auto* declared = std::get_if<engine::DeclareQueue>(&request->what)) {
    return falsify_settings(sabotage, *declared);
  }
  auto* change = std::get_if<engine::ChangeQueue>(&request->what);
  return change != nullptr && sabotage == Sabotage::kHurryMoves && falsify_order(*change);
}

}  // namespace polymq::sim
