// A metadata store that takes its time and keeps its rows for the next life of the node.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "random.h"
#include "sabotage.h"
#include "storage/metadata_store.h"

namespace polymq::sim {

/// Checks: versions follow each other, and what goes was there.
class Metadata final : public storage::MetadataStore {
 public:
  Metadata(std::uint64_t seed, unsigned delay_percent, Sabotage sabotage)
      : random_(seed), delay_percent_(delay_percent), sabotage_(sabotage) {}

  void append(std::uint64_t version, std::vector<storage::MetadataChange> changes) override;
  void take_ended(std::vector<storage::MetadataEnd>& ended) override;

  /// The life ends. Of what is under way the first part becomes durable, how much of it `random`
  /// says; nothing after that, though it is said to be.
  void crash(Random& random);
  void start();
  void calm() { delay_percent_ = 0; }
  /// From now on, until the next start, all fails.
  void break_down() { broken_ = true; }
  bool broken() const { return broken_; }
  bool idle() const { return under_way_.empty() && untold_.empty(); }
  storage::MetadataImage image() const;
  /// It is, or was, known for good.
  bool knew(std::uint64_t id) const { return known_.contains(id); }

 private:
  struct Version {
    std::uint64_t number;
    std::vector<storage::MetadataChange> changes;
  };
  using BindingName = std::tuple<std::uint64_t, std::uint64_t, bool, std::string, std::string>;
  using PolicyName = std::tuple<std::uint32_t, bool, std::string>;

  void make_durable();
  void apply(const storage::VhostRow& row) { vhosts_[row.id] = row; }
  void apply(const storage::ExchangeRow& row);
  void apply(const storage::QueueRow& row);
  void apply(const storage::BindingRow& row);
  void apply(const storage::VhostGone& gone);
  void apply(const storage::ExchangeGone& gone);
  void apply(const storage::QueueGone& gone);
  void apply(const storage::BindingGone& gone);
  void apply(const storage::PolicyRow& row);
  void apply(const storage::PolicyGone& gone);
  void unbind(std::uint64_t id);

  Random random_;
  unsigned delay_percent_;
  const Sabotage sabotage_;
  std::uint64_t appended_ = 0;
  std::uint64_t durable_ = 0;
  std::deque<Version> under_way_;
  std::deque<storage::MetadataEnd> untold_;
  bool dead_ = false;
  bool broken_ = false;
  std::map<std::uint32_t, storage::VhostRow> vhosts_;
  std::map<std::uint64_t, storage::ExchangeRow> exchanges_;
  std::map<std::uint64_t, storage::QueueRow> queues_;
  std::map<BindingName, storage::BindingRow> bindings_;
  std::map<PolicyName, storage::PolicyRow> policies_;
  std::set<std::uint64_t> known_;  // queues and exchanges
};

}  // namespace polymq::sim
