// Comparing declarations.
#include "engine/equivalence.h"

#include "engine/topology.h"

namespace polymq::engine {
namespace {

constexpr std::string_view kTypeArgument = "x-queue-type";

EngineResult<void> inequivalent(std::string_view argument, std::string_view of,
                                std::string_view received, std::string_view current) {
  return refuse(ErrorKind::kPrecondition, "inequivalent arg '" + std::string(argument) + "' for " +
                                              std::string(of) + ": received " +
                                              std::string(received) + " but current is " +
                                              std::string(current));
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

EngineResult<void> compare_flag(std::string_view name, std::string_view of, bool current,
                                bool received) {
  if (current == received) return {};
  const auto text = [](bool flag) { return flag ? "'true'" : "'false'"; };
  return inequivalent(name, of, text(received), text(current));
}

/// One that is there while the other is not is described with its type.
std::string lone_text(const Value* value) {
  if (value == nullptr) return "none";
  return "the value " + quoted(to_text(*value)) + " of type " + quoted(type_name(value->type()));
}

EngineResult<void> compare_argument(std::string_view name, std::string_view of,
                                    const Value* current, const Value* received) {
  if (current == nullptr && received == nullptr) return {};
  if (current == nullptr || received == nullptr) {
    return inequivalent(name, of, lone_text(received), lone_text(current));
  }
  if (equivalent(*current, *received)) return {};
  return inequivalent(name, of, quoted(to_text(*received)), quoted(to_text(*current)));
}

/// A declaration that does not say a type is content with what it would have got.
EngineResult<void> compare_type(const QueueShape& current, const QueueDeclaration& received,
                                std::string_view of) {
  const Value* asked = find(received.arguments, kTypeArgument);
  if (asked == nullptr) {
    const auto chosen = choose_queue_type(received);
    if (chosen && *chosen == current.type) return {};
  }
  const Value name = Value::string(std::string(type_name(current.type)));
  return compare_argument(kTypeArgument, of, &name, asked);
}

}  // namespace

EngineResult<void> check_queue_equivalence(const QueueShape& current,
                                           const QueueDeclaration& received) {
  const std::string of = queue_in_vhost(received.name, received.vhost);
  if (!received.exclusive) {
    if (auto same = compare_flag("durable", of, current.durable, received.durable); !same) {
      return same;
    }
  }
  if (auto same = compare_flag("auto_delete", of, current.auto_delete, received.auto_delete);
      !same) {
    return same;
  }
  for (const std::string_view name : known_queue_arguments(current.type)) {
    auto same = name == kTypeArgument ? compare_type(current, received, of)
                                      : compare_argument(name, of, find(current.arguments, name),
                                                         find(received.arguments, name));
    if (!same) return same;
  }
  return {};
}

EngineResult<void> check_redeclaration(const QueueEntry& known, ClientId client,
                                       const QueueDeclaration& received) {
  const bool foreign = known.exclusive() && known.owner != client;
  if (foreign || known.exclusive() != received.exclusive) {
    return refuse(ErrorKind::kLocked, locked_queue(received.name, received.vhost));
  }
  return check_queue_equivalence(
      {known.declared->type, known.durable, known.auto_delete, *known.arguments}, received);
}

EngineResult<void> check_exchange_equivalence(std::string_view name, std::string_view vhost,
                                              const ExchangeShape& current,
                                              const ExchangeShape& received) {
  const std::string of = exchange_in_vhost(name, vhost);
  if (current.type != received.type) {
    return inequivalent("type", of, quoted(received.type), quoted(current.type));
  }
  if (auto same = compare_flag("durable", of, current.durable, received.durable); !same) {
    return same;
  }
  if (auto same = compare_flag("auto_delete", of, current.auto_delete, received.auto_delete);
      !same) {
    return same;
  }
  if (auto same = compare_flag("internal", of, current.internal, received.internal); !same) {
    return same;
  }
  constexpr std::string_view kAlternate = "alternate-exchange";
  return compare_argument(kAlternate, of, find(current.arguments, kAlternate),
                          find(received.arguments, kAlternate));
}

}  // namespace polymq::engine
