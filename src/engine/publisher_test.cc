// Promises of publishing to homes, and of the answers.
#include "engine/publisher.h"

#include <gmock/gmock.h>

#include "engine/testing/shards_fixture.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Four shards; keeps what is sent to them.
class FakeMailer final : public Mailer {
 public:
  void send(ShardIndex to, Mail mail) override {
    sent.emplace_back(to, std::move(std::get<PublishBatch>(mail)));
  }
  ShardIndex self() const override { return 0; }
  ShardIndex shard_count() const override { return 4; }
  std::vector<std::pair<ShardIndex, PublishBatch>> sent;
};

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() { register_fake_codec(); }
  ~PublisherTest() override {
    for (auto& [to, batch] : mailer_.sent) {
      for (const PublishItem& item : batch.items) item.message->release(meter_);
    }
    EXPECT_EQ(meter_.bytes, 0);
  }
  Target* queue(std::uint64_t id, ShardIndex home) {
    targets_.push_back(std::make_unique<Target>());
    targets_.back()->id = id;
    targets_.back()->home = home;
    return targets_.back().get();
  }
  Message* message() { return make_message({.body = "m"}, meter_); }
  std::uint64_t publish(const std::vector<Target*>& targets) {
    return publisher_.publish_tracked(message(), targets);
  }
  /// Answers the batch that was sent as the nth (from 0).
  void answer(std::size_t nth, std::vector<std::uint64_t> rejected = {}) {
    publisher_.answered({kId, mailer_.sent[nth].second.number, std::move(rejected)});
  }
  /// "3", or "-3" when it was refused.
  std::vector<std::string> settled() {
    std::vector<std::string> all;
    for (const auto& one : std::exchange(publisher_.settled(), {})) {
      all.push_back((one.rejected ? "-" : "") + std::to_string(one.sequence));
    }
    return all;
  }

  static inline const SessionId kId = SessionId::make(0, 100);
  FakeMailer mailer_;
  MemoryMeter meter_;
  std::vector<std::unique_ptr<Target>> targets_;
  Publisher publisher_{kId, mailer_, meter_};
};

TEST_F(PublisherTest, NothingIsSentBeforeTheFlushAndThenOneBatchAHome) {
  Target* here = queue(1, 0);
  Target* there = queue(2, 3);
  publish({here});
  publish({there});
  publish({here});
  EXPECT_THAT(mailer_.sent, IsEmpty());
  publisher_.flush();
  ASSERT_EQ(mailer_.sent.size(), 2u);
  EXPECT_EQ(mailer_.sent[0].first, 0);
  EXPECT_EQ(mailer_.sent[0].second.items.size(), 2u);
  EXPECT_EQ(mailer_.sent[1].first, 3);
  EXPECT_EQ(mailer_.sent[1].second.from, kId);
  publisher_.flush();
  EXPECT_EQ(mailer_.sent.size(), 2u);
}

TEST_F(PublisherTest, SequencesCountFromOneAndAreSettledByTheBatch) {
  Target* one = queue(1, 0);
  EXPECT_EQ(publish({one}), 1u);
  EXPECT_EQ(publish({one}), 2u);
  publisher_.flush();
  EXPECT_EQ(publish({one}), 3u);
  publisher_.flush();
  EXPECT_THAT(settled(), IsEmpty());
  EXPECT_EQ(publisher_.lowest_pending(), 1u);

  answer(1);
  EXPECT_THAT(settled(), ElementsAre("3"));
  EXPECT_EQ(publisher_.lowest_pending(), 1u);
  answer(0, {2});
  EXPECT_THAT(settled(), ElementsAre("1", "-2"));
  EXPECT_EQ(publisher_.lowest_pending(), 4u) << "the next one's";
  EXPECT_EQ(publisher_.pending(), 0u);
}

TEST_F(PublisherTest, WhatReachesNobodyIsSettledAtOnce) {
  Target* one = queue(1, 0);
  publish({one});
  publish({});
  EXPECT_THAT(settled(), ElementsAre("2"));
  EXPECT_EQ(publisher_.lowest_pending(), 1u);
  publisher_.flush();
}

TEST_F(PublisherTest, SeveralHomesAllHaveToAnswerAndOneRefusalCounts) {
  const std::vector<Target*> everywhere{queue(1, 2), queue(2, 0), queue(3, 3)};
  publish(everywhere);
  publish(everywhere);
  publisher_.flush();
  ASSERT_EQ(mailer_.sent.size(), 3u);
  answer(0);
  answer(1, {1});
  EXPECT_THAT(settled(), IsEmpty());
  answer(2);
  EXPECT_THAT(settled(), ElementsAre("-1", "2"));
}

TEST_F(PublisherTest, QueuesOfOneHomeShareTheMessageAndHomesDoNot) {
  publish({queue(1, 0), queue(2, 1), queue(3, 0)});
  publisher_.flush();
  ASSERT_EQ(mailer_.sent.size(), 2u);
  const auto& here = mailer_.sent[0].second.items;
  const auto& there = mailer_.sent[1].second.items;
  ASSERT_EQ(here.size(), 2u);
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(here[0].message, here[1].message);
  EXPECT_NE(here[0].message, there[0].message);
  EXPECT_EQ(there[0].message->body(), "m");
}

TEST_F(PublisherTest, TwoRefusalsOfOneMessageInOneHomeAreOne) {
  publish({queue(1, 0), queue(2, 0)});
  publisher_.flush();
  answer(0, {1, 1});
  EXPECT_THAT(settled(), ElementsAre("-1"));
}

TEST_F(PublisherTest, UntrackedOnesWantNoAnswer) {
  Target* one = queue(1, 0);
  publisher_.publish(message(), std::vector<Target*>{one});
  publisher_.publish(message(), {});
  publisher_.flush();
  ASSERT_EQ(mailer_.sent.size(), 1u);
  EXPECT_EQ(mailer_.sent[0].second.number, 0u);
  EXPECT_EQ(publisher_.lowest_pending(), 1u);
}

TEST_F(PublisherTest, TrackedAndUntrackedMayShareABatch) {
  Target* one = queue(1, 0);
  publisher_.publish(message(), std::vector<Target*>{one});
  EXPECT_EQ(publish({one}), 1u);
  publisher_.flush();
  ASSERT_EQ(mailer_.sent.size(), 1u);
  EXPECT_EQ(mailer_.sent[0].second.items[0].sequence, 0u);
  answer(0);
  EXPECT_THAT(settled(), ElementsAre("1"));
}

}  // namespace
}  // namespace polymq::engine
