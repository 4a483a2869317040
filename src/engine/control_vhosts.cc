// Control's decisions on vhosts and their policies.
#include <array>

#include "engine/control.h"
#include "engine/metadata.h"

namespace polymq::engine {
namespace {

struct Predeclared {
  std::string_view name;
  std::string_view type;
  bool internal;
};
constexpr std::array kPredeclared{
    Predeclared{"", "direct", false},
    Predeclared{"amq.direct", "direct", false},
    Predeclared{"amq.fanout", "fanout", false},
    Predeclared{"amq.topic", "topic", false},
    Predeclared{"amq.headers", "headers", false},
    Predeclared{"amq.match", "headers", false},
    Predeclared{"amq.rabbitmq.trace", "topic", true},
    Predeclared{"amq.rabbitmq.event", "topic", true},
};

std::string policy_in_vhost(PolicyAuthor author, std::string_view name, std::string_view vhost) {
  return std::string(author == PolicyAuthor::kOperator ? "operator " : "") + "policy '" +
         std::string(name) + "' in vhost '" + std::string(vhost) + "'";
}

EngineError no_vhost(const std::string& name) {
  return {ErrorKind::kNotFound, "no vhost '" + name + "'"};
}

EngineError configured(const std::string& policy) {
  return {ErrorKind::kRefused, policy + " is in the configuration file: change it there"};
}

}  // namespace

ReplyBody Control::decide(const AddVhost& what) {
  if (const Vhost* known = topology_.vhost(what.name)) {
    if (known->default_queue_type != what.default_queue_type || known->limits != what.limits) {
      apply(VhostChanged{known->id, what.default_queue_type, what.limits});
    }
    return Done{};
  }
  const VhostId id = next_vhost_++;
  apply(VhostAdded{id, what.name, what.default_queue_type, what.limits});
  for (const Predeclared& exchange : kPredeclared) {
    apply(ExchangeAdded{next_incarnation_++,
                        id,
                        std::string(exchange.name),
                        std::string(exchange.type),
                        true,
                        false,
                        exchange.internal,
                        {}});
  }
  return Done{};
}

ReplyBody Control::decide(const RemoveVhost& what) {
  Vhost* vhost = topology_.vhost(what.name);
  if (vhost == nullptr) return no_vhost(what.name);
  const VhostId gone = vhost->id;
  // All of it in one round: a crash leaves the whole vhost, or nothing.
  std::vector<Delta> deltas;
  for (const auto& [name, entry] : vhost->queues) {
    --homes_per_shard_[entry->home];
    deltas.emplace_back(QueueRemoved{entry->id});
  }
  for (const auto& [name, exchange] : vhost->exchanges) {
    if (exchange->inlet) --homes_per_shard_[exchange->inlet->home];
    deltas.emplace_back(ExchangeRemoved{exchange->id});
  }
  deltas.emplace_back(VhostRemoved{gone});
  for (const Delta& delta : deltas) note(delta);
  for (const Delta& delta : deltas) topology_.apply(delta);
  topology_.take_unused_exchanges();
  policies_.erase(gone);
  return Done{};
}

// --- policies: those of the configuration have effects at once, others once they are stored -----
Result<void> Control::restore_policies(const storage::MetadataImage& image,
                                       const PolicySets& configured, std::vector<Delta>& deltas) {
  std::map<VhostId, std::string> vhosts;
  for (const storage::VhostRow& vhost : image.vhosts) {
    vhosts[vhost.id] = vhost.name;
    const auto of_vhost = configured.find(vhost.name);
    if (of_vhost != configured.end()) policies_[vhost.id].configure(of_vhost->second);
  }
  for (const storage::PolicyRow& row : image.policies) {
    auto policy = to_policy(row, vhosts[row.vhost]);
    if (!policy) return tl::make_unexpected(policy.error());
    policies_[row.vhost].set(author_of(row), *std::move(policy));
  }
  for (const auto& [vhost, layers] : policies_) {
    deltas.emplace_back(PoliciesSet{vhost, layers.in_force()});
  }
  return {};
}

ReplyBody Control::decide(const SetPolicies& what) {
  const Vhost* vhost = topology_.vhost(what.vhost);
  if (vhost == nullptr) return no_vhost(what.vhost);
  PolicyLayers& layers = policies_[vhost->id];
  layers.configure(what.policies);
  apply(PoliciesSet{vhost->id, layers.in_force()});
  return Done{};
}

// It is answered when it is in force.
std::optional<ReplyBody> Control::decide_later(SetPolicy& what, ShardIndex from,
                                               RequestId request) {
  const Policy& policy = what.policy;
  const Vhost* vhost = topology_.vhost(policy.vhost);
  if (vhost == nullptr) return no_vhost(policy.vhost);
  if (policies_[vhost->id].is_configured(what.author, policy.name)) {
    return configured(policy_in_vhost(what.author, policy.name, policy.vhost));
  }
  changes_.emplace_back(to_row(vhost->id, what.author, policy));
  policy_changes_.push_back({version_ + 1, vhost->id, std::move(what), from, request});
  return std::nullopt;
}

std::optional<ReplyBody> Control::decide_later(ClearPolicy& what, ShardIndex from,
                                               RequestId request) {
  const Vhost* vhost = topology_.vhost(what.vhost);
  if (vhost == nullptr) return no_vhost(what.vhost);
  const PolicyLayers& layers = policies_[vhost->id];
  if (!layers.is_set(what.author, what.name)) {
    const std::string policy = policy_in_vhost(what.author, what.name, what.vhost);
    if (layers.is_configured(what.author, what.name)) return configured(policy);
    return EngineError{ErrorKind::kNotFound, "no " + policy};
  }
  changes_.emplace_back(
      storage::PolicyGone{vhost->id, what.author == PolicyAuthor::kOperator, what.name});
  policy_changes_.push_back({version_ + 1, vhost->id, std::move(what), from, request});
  return std::nullopt;
}

// Its vhost may be gone by now, and its policies with it.
void Control::enforce(const PolicyChange& change) {
  if (topology_.vhost(change.vhost) == nullptr) return;
  PolicyLayers& layers = policies_[change.vhost];
  if (const auto* set = std::get_if<SetPolicy>(&change.what)) {
    layers.set(set->author, set->policy);
  } else {
    const auto& clear = std::get<ClearPolicy>(change.what);
    layers.clear(clear.author, clear.name);
  }
  apply(PoliciesSet{change.vhost, layers.in_force()});
}

// Of those that could not be stored nothing remains but the refusal.
bool Control::enforce_policies() {
  bool any = false;
  for (; !policy_changes_.empty() &&
         (policy_changes_.front().version <= durable_version_ || metadata_failed_);
       any = true) {
    const PolicyChange change = std::move(policy_changes_.front());
    policy_changes_.pop_front();
    if (change.version <= durable_version_) enforce(change);
    answer(change.to, {change.request, Done{}}, change.version);
  }
  return any;
}

}  // namespace polymq::engine
