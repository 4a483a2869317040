// Rows that become durable, late.
#include "metadata.h"

#include <variant>

#include "event_log.h"

namespace polymq::sim {

void Metadata::append(std::uint64_t version, std::vector<storage::MetadataChange> changes) {
  if (version != appended_ + 1)
    violated("(h) version %lu of the metadata follows %lu", version, appended_);
  appended_ = version;
  under_way_.push_back({version, std::move(changes)});
}

void Metadata::take_ended(std::vector<storage::MetadataEnd>& ended) {
  // It is asked many times in a turn.
  if (delay_percent_ != 0 && !random_.chance((100 - delay_percent_) / 4)) return;
  while (!under_way_.empty() && !random_.chance(delay_percent_)) make_durable();
  for (; !untold_.empty() && !random_.chance(delay_percent_); untold_.pop_front()) {
    ended.push_back(untold_.front());
  }
}

void Metadata::make_durable() {
  const Version version = std::move(under_way_.front());
  under_way_.pop_front();
  const bool hides = sabotage_ == Sabotage::kHideFailures;
  untold_.push_back(broken_ && !hides ? storage::MetadataEnd::kFailed
                                      : storage::MetadataEnd::kDurable);
  if (dead_ || broken_) return;
  durable_ = version.number;
  for (const storage::MetadataChange& change : version.changes) {
    std::visit([this](const auto& what) { apply(what); }, change);
  }
}

void Metadata::crash(Random& random) {
  if (sabotage_ == Sabotage::kLoseDeclarations) {
    if (!bindings_.empty()) bindings_.erase(std::prev(bindings_.end()));
    if (!queues_.empty()) queues_.erase(std::prev(queues_.end()));
  }
  for (std::uint64_t more = random.below(under_way_.size() + 1); more != 0; --more) make_durable();
  dead_ = true;
}

void Metadata::start() {
  under_way_.clear();
  untold_.clear();
  appended_ = durable_;
  dead_ = false;
  broken_ = false;
}

storage::MetadataImage Metadata::image() const {
  storage::MetadataImage image;
  image.version = durable_;
  for (const auto& [id, row] : vhosts_) image.vhosts.push_back(row);
  for (const auto& [id, row] : exchanges_) image.exchanges.push_back(row);
  for (const auto& [id, row] : queues_) image.queues.push_back(row);
  for (const auto& [name, row] : bindings_) image.bindings.push_back(row);
  for (const auto& [name, row] : policies_) image.policies.push_back(row);
  return image;
}

// --- rows ---------------------------------------------------------------------------------------

void Metadata::apply(const storage::QueueRow& row) {
  queues_[row.id] = row;
  known_.insert(row.id);
}

void Metadata::apply(const storage::ExchangeRow& row) {
  exchanges_[row.id] = row;
  known_.insert(row.id);
}

void Metadata::apply(const storage::BindingRow& row) {
  bindings_[{row.source, row.destination, row.to_exchange, row.key, row.arguments}] = row;
}

void Metadata::apply(const storage::BindingGone& gone) {
  const storage::BindingRow& row = gone.binding;
  if (bindings_.erase({row.source, row.destination, row.to_exchange, row.key, row.arguments}) ==
      0) {
    violated("(h) a binding from #%lu to #%lu goes, but was not kept", row.source, row.destination);
  }
}

void Metadata::apply(const storage::PolicyRow& row) {
  policies_[{row.vhost, row.by_operator, row.name}] = row;
}

void Metadata::apply(const storage::PolicyGone& gone) {
  policies_.erase({gone.vhost, gone.by_operator, gone.name});
}

void Metadata::apply(const storage::QueueGone& gone) {
  if (queues_.erase(gone.id) == 0) violated("(h) queue #%lu goes, but was not kept", gone.id);
  unbind(gone.id);
}

void Metadata::apply(const storage::ExchangeGone& gone) {
  if (exchanges_.erase(gone.id) == 0) violated("(h) exchange #%lu goes, but was not kept", gone.id);
  unbind(gone.id);
}

void Metadata::apply(const storage::VhostGone& gone) {
  vhosts_.erase(gone.id);
  std::erase_if(queues_, [&](const auto& row) { return row.second.vhost == gone.id; });
  std::erase_if(exchanges_, [&](const auto& row) { return row.second.vhost == gone.id; });
  std::erase_if(policies_, [&](const auto& row) { return row.second.vhost == gone.id; });
}

void Metadata::unbind(std::uint64_t id) {
  std::erase_if(bindings_, [&](const auto& row) {
    return row.second.source == id || row.second.destination == id;
  });
}

}  // namespace polymq::sim
