// Promises of the topology's way to the metadata store and back: what is durable comes back as it
// was, nothing else is written, and rows that cannot be read are named.
#include "engine/metadata.h"

#include <gmock/gmock.h>

#include "engine/fields_json.h"

namespace polymq::engine {
namespace {

using storage::BindingGone;
using storage::BindingRow;
using storage::ExchangeGone;
using storage::ExchangeRow;
using storage::QueueGone;
using storage::QueueRow;
using storage::VhostGone;
using storage::VhostRow;
using testing::HasSubstr;
using testing::SizeIs;

/// A replica without any shard.
struct Unobserved final : TopologyObserver {
  void queue_added(QueueEntry&) override {}
  void queue_removed(QueueEntry&) override {}
  void queue_settings_changed(QueueEntry&) override {}
  void exchange_added(Exchange&) override {}
  void binding_added(Exchange&, Destination) override {}
  void exchange_removed(Exchange&) override {}
  void vhost_removed(Vhost&) override {}
};

constexpr VhostId kVhost = 3;
const ClientId kClient = ClientId::make(0, 5);

QueueAdded queue_added(QueueId id, const std::string& name, bool durable, ClientId owner = {},
                       const Fields& arguments = {}) {
  auto settings = parse_queue_arguments(
                      {.name = name, .vhost = "/", .durable = durable, .arguments = arguments})
                      .value();
  return {id,
          kVhost,
          name,
          0,
          durable,
          false,
          owner,
          std::make_shared<const Fields>(arguments),
          std::make_shared<const QueueSettings>(std::move(settings)),
          static_cast<storage::Lane>(id % storage::kLanes)};
}
ExchangeAdded exchange_added(ExchangeId id, const std::string& name, bool durable) {
  return {id, kVhost, name, "topic", durable, false, false, {}};
}
BindingKey to_queue(QueueId id, const std::string& key = "k") { return {{id, false}, key, {}}; }
BindingKey to_exchange(ExchangeId id) { return {{id, true}, "k", {}}; }

class MetadataTest : public testing::Test {
 protected:
  MetadataTest() {
    apply(VhostAdded{kVhost, "/", "", {}});
    apply(exchange_added(10, "durable", true));
    apply(exchange_added(11, "transient", false));
    apply(queue_added(20, "durable", true));
    apply(queue_added(21, "transient", false));
    apply(queue_added(22, "exclusive", true, kClient));
  }
  void apply(const Delta& delta) { topology_.apply(delta); }
  template <class Row>
  Row row_of(const Delta& delta) {
    const auto change = to_change(delta, topology_);
    if (!change || !std::holds_alternative<Row>(*change)) {
      ADD_FAILURE() << "it gives another row, or none";
      return {};
    }
    return std::get<Row>(*change);
  }
  bool no_row(const Delta& delta) { return !to_change(delta, topology_).has_value(); }

  Unobserved nobody_;
  Topology topology_{nobody_};
};

// --- deltas to rows -----------------------------------------------------------------------------

TEST_F(MetadataTest, AVhostGivesARow) {
  const VhostRow row{8, "eight", "quorum", 100};
  EXPECT_EQ(row_of<VhostRow>(VhostAdded{8, "eight", "quorum", {100}}), row);
  EXPECT_EQ(row_of<VhostRow>(VhostChanged{kVhost, "quorum", {7}}),
            (VhostRow{kVhost, "/", "quorum", 7}))
      << "under the name that it has";
  EXPECT_EQ(row_of<VhostGone>(VhostRemoved{kVhost}).id, kVhost);
}

TEST_F(MetadataTest, ADurableExchangeGivesARow) {
  const Fields arguments{{"alternate-exchange", Value::string("other")}};
  EXPECT_EQ(
      row_of<ExchangeRow>(ExchangeAdded{12, kVhost, "x", "fanout", true, true, true, arguments, 1}),
      (ExchangeRow{12, kVhost, "x", "fanout", true, true, to_json(arguments)}));
  EXPECT_EQ(row_of<ExchangeGone>(ExchangeRemoved{10}).id, 10u);
}

TEST_F(MetadataTest, ADurableQueueGivesARow) {
  const Fields arguments{{"x-max-length", Value::integer(5)}};
  QueueAdded delta = queue_added(23, "q", true, {}, arguments);
  delta.auto_delete = true;
  EXPECT_EQ(row_of<QueueRow>(delta), (QueueRow{23, kVhost, "q", true, to_json(arguments), 23}));
  EXPECT_EQ(row_of<QueueGone>(QueueRemoved{20}).id, 20u);
}

TEST_F(MetadataTest, ABindingOfDurableEndsGivesARow) {
  const BindingKey binding{{20, false}, "a.key", {{"x-match", Value::string("any")}}};
  const BindingRow row{10, 20, false, "a.key", to_json(binding.arguments)};
  EXPECT_EQ(row_of<BindingRow>(BindingAdded{10, binding}), row);
  EXPECT_EQ(row_of<BindingGone>(BindingRemoved{10, binding}).binding, row);
  apply(exchange_added(13, "another", true));
  EXPECT_EQ(row_of<BindingRow>(BindingAdded{10, to_exchange(13)}),
            (BindingRow{10, 13, true, "k", "[]"}));
}

TEST_F(MetadataTest, WhatDoesNotOutliveTheProcessGivesNone) {
  EXPECT_TRUE(no_row(exchange_added(12, "x", false)));
  EXPECT_TRUE(no_row(ExchangeRemoved{11}));
  EXPECT_TRUE(no_row(queue_added(23, "q", false)));
  EXPECT_TRUE(no_row(queue_added(23, "q", true, kClient))) << "exclusive ones go with their client";
  EXPECT_TRUE(no_row(QueueRemoved{21}));
  EXPECT_TRUE(no_row(QueueRemoved{22}));
  EXPECT_TRUE(no_row(PoliciesSet{kVhost, nullptr}));
}

TEST_F(MetadataTest, ABindingWithATransientEndGivesNone) {
  for (const BindingKey& binding : {to_queue(21), to_queue(22), to_exchange(11)}) {
    EXPECT_TRUE(no_row(BindingAdded{10, binding})) << binding.destination.id;
    EXPECT_TRUE(no_row(BindingRemoved{10, binding})) << binding.destination.id;
  }
  EXPECT_TRUE(no_row(BindingAdded{11, to_queue(20)}));
  EXPECT_TRUE(no_row(BindingRemoved{11, to_queue(20)}));
}

// --- rows to deltas -----------------------------------------------------------------------------

storage::MetadataImage image() {
  storage::MetadataImage image;
  image.version = 17;
  image.vhosts = {{kVhost, "/", "quorum", 50}};
  image.exchanges = {{10, kVhost, "x", "topic", true, true, "[]"}};
  image.queues = {
      {20, kVhost, "a", true, R"([["x-max-length","int32",5]])", 7},
      {21, kVhost, "b", false, R"([["x-max-length","int32",5]])", 8},
      {22, kVhost, "c", false, R"([["x-queue-type","string","quorum"]])", 63},
  };
  image.bindings = {{10, 20, false, "k", R"([["x","string","y"]])"}, {10, 10, true, "", "[]"}};
  return image;
}

TEST_F(MetadataTest, RowsBecomeTheTopologyThatTheyWere) {
  const auto deltas = to_deltas(image(), 3, 20);
  ASSERT_TRUE(deltas) << deltas.error().text;
  ASSERT_THAT(*deltas, SizeIs(7));
  Topology topology(nobody_);
  for (const Delta& delta : *deltas) topology.apply(delta);

  const Vhost* vhost = topology.vhost("/");
  ASSERT_NE(vhost, nullptr);
  EXPECT_EQ(vhost->id, kVhost);
  EXPECT_EQ(vhost->default_queue_type, "quorum");
  EXPECT_EQ(vhost->limits, VhostLimits{50});
  Exchange* exchange = topology.exchange(*vhost, "x");
  ASSERT_NE(exchange, nullptr);
  EXPECT_EQ(exchange->id, 10u);
  EXPECT_EQ(exchange->type, "topic");
  EXPECT_TRUE(exchange->durable && exchange->auto_delete && exchange->internal);
  EXPECT_TRUE(topology.has_binding(*exchange, {{20, false}, "k", {{"x", Value::string("y")}}}));
  EXPECT_TRUE(topology.has_binding(*exchange, {{10, true}, "", {}}));
  const QueueEntry* a = topology.queue(*vhost, "a");
  ASSERT_NE(a, nullptr);
  EXPECT_TRUE(a->durable && a->auto_delete && !a->exclusive());
  EXPECT_EQ(a->declared->max_length, 5);
  EXPECT_EQ(a->lane, 7u);
}

TEST_F(MetadataTest, AQueueLivesWithItsLaneWhateverTheNumberOfShards) {
  for (const ShardIndex shards : {ShardIndex{1}, ShardIndex{2}, ShardIndex{3}, ShardIndex{64}}) {
    const auto deltas = to_deltas(image(), shards, 20);
    ASSERT_TRUE(deltas);
    std::size_t queues = 0;
    for (const Delta& delta : *deltas) {
      const auto* queue = std::get_if<QueueAdded>(&delta);
      if (queue == nullptr) continue;
      ++queues;
      EXPECT_EQ(queue->home, queue->lane % shards);
      EXPECT_FALSE(queue->owner);
    }
    EXPECT_EQ(queues, 3u);
  }
}

TEST_F(MetadataTest, ABindingOfWhatIsNotThereIsRefused) {
  storage::MetadataImage kept = image();
  ASSERT_FALSE(kept.bindings.empty());
  kept.queues.clear();
  const auto deltas = to_deltas(kept, 1, 20);
  ASSERT_FALSE(deltas);
  EXPECT_THAT(deltas.error().text, testing::HasSubstr("what it binds is not there"));
}

TEST_F(MetadataTest, QueuesDeclaredAlikeShareTheirSettings) {
  const auto deltas = to_deltas(image(), 1, 20);
  ASSERT_TRUE(deltas);
  const auto& a = std::get<QueueAdded>((*deltas)[2]);
  const auto& b = std::get<QueueAdded>((*deltas)[3]);
  const auto& c = std::get<QueueAdded>((*deltas)[4]);
  EXPECT_EQ(a.settings, b.settings);
  EXPECT_EQ(a.arguments, b.arguments);
  EXPECT_NE(b.settings, c.settings);
  EXPECT_EQ(c.settings->type, QueueType::kQuorum);
  EXPECT_EQ(c.settings->default_delivery_limit, 20) << "the one of this start";
}

TEST_F(MetadataTest, WhatBecameRowsBecomesTheSameDeltas) {
  storage::MetadataImage kept;
  kept.vhosts = {row_of<VhostRow>(VhostAdded{kVhost, "/", "classic", {9}})};
  kept.exchanges = {row_of<ExchangeRow>(exchange_added(10, "durable", true))};
  const QueueAdded queue = queue_added(20, "durable", true, {},
                                       {{"x-message-ttl", Value::integer(9, FieldType::kUint8)}});
  kept.queues = {row_of<QueueRow>(queue)};
  kept.bindings = {row_of<BindingRow>(BindingAdded{10, to_queue(20)})};
  const auto deltas = to_deltas(kept, 1, queue.settings->default_delivery_limit);
  ASSERT_TRUE(deltas) << deltas.error().text;
  ASSERT_THAT(*deltas, SizeIs(4));
  const auto& vhost = std::get<VhostAdded>((*deltas)[0]);
  EXPECT_EQ(vhost.default_queue_type, "classic");
  EXPECT_EQ(vhost.limits, VhostLimits{9});
  EXPECT_EQ(std::get<ExchangeAdded>((*deltas)[1]).type, "topic");
  const auto& read = std::get<QueueAdded>((*deltas)[2]);
  EXPECT_EQ(*read.arguments, *queue.arguments);
  EXPECT_EQ(*read.settings, *queue.settings);
  EXPECT_EQ(read.lane, queue.lane);
  EXPECT_EQ(std::get<BindingAdded>((*deltas)[3]).binding, to_queue(20));
}

TEST_F(MetadataTest, AQueueOfItsVhostsDefaultTypeKeepsThatType) {
  QueueAdded delta = queue_added(23, "q", true, {}, {{"x-max-length", Value::integer(5)}});
  const Fields arguments{{"x-max-length", Value::integer(5)}};
  delta.settings =
      std::make_shared<const QueueSettings>(parse_queue_arguments({.name = "q",
                                                                   .vhost = "/",
                                                                   .durable = true,
                                                                   .arguments = arguments,
                                                                   .default_type = "quorum"})
                                                .value());
  ASSERT_EQ(delta.settings->type, QueueType::kQuorum);
  for (const char* now : {"quorum", "classic", ""}) {  // another default changes nothing
    storage::MetadataImage kept;
    kept.vhosts = {{kVhost, "/", now, {}}};
    kept.queues = {row_of<QueueRow>(delta)};
    const auto deltas = to_deltas(kept, 1, delta.settings->default_delivery_limit);
    ASSERT_TRUE(deltas) << deltas.error().text;
    const auto& read = std::get<QueueAdded>((*deltas)[1]);
    EXPECT_EQ(read.settings->type, QueueType::kQuorum);
    EXPECT_EQ(read.settings->max_length, 5);
  }
}

TEST_F(MetadataTest, APolicyBecomesARowAndTheRowTheSamePolicy) {
  const Policy policy =
      make_policy(PolicyAuthor::kOperator, {.vhost = "/",
                                            .name = "p",
                                            .pattern = "^a",
                                            .apply_to = "quorum_queues",
                                            .priority = -7,
                                            .definition = {{"max-length", Value::integer(5)}}})
          .value();
  const storage::PolicyRow row = to_row(kVhost, PolicyAuthor::kOperator, policy);
  EXPECT_EQ(row.vhost, kVhost);
  EXPECT_EQ(author_of(row), PolicyAuthor::kOperator);
  const auto read = to_policy(row, "/");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->vhost, "/");
  EXPECT_EQ(read->name, "p");
  EXPECT_EQ(read->pattern.text(), "^a");
  EXPECT_EQ(read->apply_to, PolicyTarget::kQuorumQueues);
  EXPECT_EQ(read->priority, -7);
  EXPECT_EQ(read->definition, policy.definition);
}

TEST_F(MetadataTest, APolicyThatCannotBeReadIsRefusedByName) {
  storage::PolicyRow row{.vhost = kVhost,
                         .name = "p",
                         .pattern = "",
                         .apply_to = "all",
                         .definition = R"([["of-another-version","int64",1]])"};
  EXPECT_THAT(to_policy(row, "/").error().text,
              HasSubstr("the stored policy 'p' cannot be read: [{<<\"of-another-version\">>,1}]"));
  row.definition = "garbage";
  EXPECT_THAT(to_policy(row, "/").error().text, HasSubstr("the stored policy 'p' cannot be read"));
}

std::string refusal(const storage::MetadataImage& image) {
  const auto deltas = to_deltas(image, 2, 20);
  return deltas ? "" : deltas.error().text;
}

TEST_F(MetadataTest, ARowThatCannotBeReadIsRefusedByName) {
  storage::MetadataImage wrong = image();
  wrong.exchanges[0].arguments = "garbage";
  EXPECT_THAT(refusal(wrong), HasSubstr("the stored exchange 'x' cannot be read"));
  wrong = image();
  wrong.exchanges[0].type = "x-of-another-version";
  EXPECT_THAT(refusal(wrong), HasSubstr("the stored exchange 'x' cannot be read"));
  wrong = image();
  wrong.queues[1].arguments = R"([["a","another type",1]])";
  EXPECT_THAT(refusal(wrong), HasSubstr("the stored queue 'b' cannot be read"));
  wrong = image();
  wrong.queues[1].arguments = R"([["x-max-length","string","many"]])";
  EXPECT_THAT(refusal(wrong), HasSubstr("the stored queue 'b' cannot be read"));
  wrong = image();
  wrong.queues[2].lane = storage::kLanes;
  EXPECT_THAT(refusal(wrong), HasSubstr("the stored queue 'c' cannot be read: its lane"));
  wrong = image();
  wrong.bindings[0].arguments = "{";
  EXPECT_THAT(refusal(wrong), HasSubstr("the stored binding 'k' cannot be read"));
  EXPECT_EQ(refusal(image()), "");
}

}  // namespace
}  // namespace polymq::engine
