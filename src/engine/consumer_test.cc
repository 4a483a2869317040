// Promises of the rotation among a queue's consumers.
#include "engine/consumer.h"

#include <gmock/gmock.h>

#include <memory>

#include "engine/queue.h"
#include "engine/testing/fake_properties.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

/// A rotation never looks at its queue: any reference does.
class ConsumerSetTest : public testing::Test {
 protected:
  ~ConsumerSetTest() override {
    for (auto& consumer : consumers_) {
      if (consumer->is_linked()) consumer->unlink();
    }
  }

  Consumer& add(const ConsumerOptions& options = {}) {
    Consumer& made = make(options);
    set_.add(made);
    return made;
  }
  Consumer& make(const ConsumerOptions& options) {
    const auto number = static_cast<std::uint32_t>(consumers_.size());
    consumers_.push_back(
        std::make_unique<Consumer>(ConsumerId::make(0, number), SessionId::make(0, 1), number,
                                   *reinterpret_cast<Queue*>(&nowhere_), link_, options));
    return *consumers_.back();
  }
  /// Serves `count` messages and says to whom, by handle.
  std::vector<std::uint32_t> serve(int count) {
    std::vector<std::uint32_t> order;
    while (count-- > 0) {
      Consumer* next = set_.next(0);
      if (next == nullptr) break;
      next->leases.push(1);
      if (next->shared_credit) --next->tokens;
      set_.served(*next);
      order.push_back(next->handle);
    }
    return order;
  }
  void settle_one(Consumer& consumer) {
    consumer.leases.erase(consumer.leases.front());
    set_.wake(consumer);
  }

  alignas(std::max_align_t) char nowhere_[64];
  Link link_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  ConsumerSet set_;
};

TEST_F(ConsumerSetTest, EqualsTakeTurns) {
  add();
  add();
  add();
  EXPECT_THAT(serve(7), ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST_F(ConsumerSetTest, NobodyGetsMoreThanItsPrefetch) {
  add({.prefetch = 1});
  add({.prefetch = 3});
  EXPECT_THAT(serve(10), ElementsAre(0, 1, 1, 1));
}

TEST_F(ConsumerSetTest, WithoutAcknowledgementsThePrefetchMeansNothing) {
  add({.prefetch = 1, .no_ack = true});
  EXPECT_THAT(serve(3), ElementsAre(0, 0, 0));
}

TEST_F(ConsumerSetTest, OneThatCanTakeAgainGoesToTheEnd) {
  Consumer& first = add({.prefetch = 1});
  add({.prefetch = 2});
  add({.prefetch = 2});
  EXPECT_THAT(serve(3), ElementsAre(0, 1, 2));
  EXPECT_EQ(set_.next(0)->handle, 1u) << "the first has no credit";
  settle_one(first);
  EXPECT_THAT(serve(9), ElementsAre(1, 2, 0));
}

TEST_F(ConsumerSetTest, AHigherPriorityIsServedAsLongAsItCanTake) {
  add({.prefetch = 2, .priority = 0});
  Consumer& high = add({.prefetch = 2, .priority = 10});
  add({.prefetch = 2, .priority = -3});
  EXPECT_THAT(serve(5), ElementsAre(1, 1, 0, 0, 2));
  settle_one(high);
  EXPECT_THAT(serve(2), ElementsAre(1, 2));
}

TEST_F(ConsumerSetTest, AFullWindowPutsAConsumerOnTheLinksList) {
  Consumer& first = add();
  link_.unwritten_bytes = Link::kWindowBytes;
  EXPECT_EQ(set_.next(0), nullptr);
  EXPECT_THAT(link_.waiting, ElementsAre(first.id));
  link_.unwritten_bytes = 0;
  EXPECT_EQ(set_.next(0), nullptr) << "it has to be woken";
  set_.wake(first);
  EXPECT_EQ(set_.next(0), &first);
}

TEST_F(ConsumerSetTest, WithoutATokenOfTheChannelAConsumerStarvesUntilItHasOne) {
  Consumer& shared = add();
  shared.shared_credit = true;
  EXPECT_EQ(set_.next(0), nullptr);
  EXPECT_THAT(set_.take_starved(), ElementsAre(&shared));
  EXPECT_THAT(set_.take_starved(), IsEmpty());
  shared.tokens = 1;
  set_.wake(shared);
  EXPECT_THAT(serve(2), ElementsAre(0));
  EXPECT_THAT(set_.take_starved(), ElementsAre(&shared));
}

TEST_F(ConsumerSetTest, OneThatHasGoneIsNotServedAndNotStarving) {
  Consumer& starving = add();
  starving.shared_credit = true;
  Consumer& other = add();
  EXPECT_THAT(serve(1), ElementsAre(1));
  set_.remove(starving);
  set_.remove(other);
  EXPECT_TRUE(set_.empty());
  EXPECT_EQ(set_.next(0), nullptr);
  EXPECT_THAT(set_.take_starved(), IsEmpty());
}

TEST_F(ConsumerSetTest, GettersAndTheCancelledAreNotWoken) {
  Consumer& getter = make({.one_shot = true});
  set_.wake(getter);
  EXPECT_EQ(set_.next(0), nullptr);
  Consumer& cancelled = add({.prefetch = 1});
  serve(1);
  set_.remove(cancelled);
  cancelled.cancelled = true;
  settle_one(cancelled);
  EXPECT_EQ(set_.next(0), nullptr);
}

TEST_F(ConsumerSetTest, ExclusiveIsWhoIsAloneAndSaidSo) {
  EXPECT_FALSE(set_.has_exclusive());
  Consumer& alone = add({.exclusive = true});
  EXPECT_TRUE(set_.has_exclusive());
  set_.remove(alone);
  add();
  EXPECT_FALSE(set_.has_exclusive());
}

TEST_F(ConsumerSetTest, ASingleActiveConsumerIsTheFirstAndThenTheNextInOrder) {
  set_.set_single_active(true, false);
  Consumer& first = add({.prefetch = 1});
  Consumer& second = add({.priority = 5});
  add();
  EXPECT_EQ(set_.active(), &first);
  EXPECT_THAT(serve(3), ElementsAre(0)) << "though it is full, nobody else gets anything";
  set_.remove(first);
  EXPECT_EQ(set_.active(), &second);
  EXPECT_THAT(serve(2), ElementsAre(1, 1));
}

TEST_F(ConsumerSetTest, ByPriorityAHigherOneTakesOverAtOnceFromOneThatHoldsNothing) {
  set_.set_single_active(true, true);
  Consumer& low = add({.priority = 0});
  EXPECT_EQ(set_.active(), &low);
  add({.priority = 1});
  Consumer& high = add({.priority = 9});
  EXPECT_EQ(set_.active(), &high);
  set_.remove(high);
  EXPECT_THAT(serve(1), ElementsAre(1));
}

TEST_F(ConsumerSetTest, ByPriorityTheActiveOneFinishesWhatItHoldsAndGetsNothingMore) {
  set_.set_single_active(true, true);
  Consumer& low = add({.priority = 0});
  low.leases.push(1);
  Consumer& high = add({.priority = 9});
  EXPECT_EQ(set_.active(), &low);
  EXPECT_EQ(set_.next(0), nullptr) << "nobody gets anything meanwhile";
  low.leases.erase(1);
  set_.wake(low);
  EXPECT_EQ(set_.active(), &high);
  EXPECT_EQ(set_.next(0), &high);
}

TEST_F(ConsumerSetTest, ByPriorityTheActiveOneGoesOnWhenTheHigherOneLeaves) {
  set_.set_single_active(true, true);
  Consumer& low = add({.priority = 0});
  low.leases.push(1);
  Consumer& high = add({.priority = 9});
  set_.remove(high);
  EXPECT_EQ(set_.next(0), &low);
}

TEST_F(ConsumerSetTest, SwitchedOffEveryoneIsServedAgain) {
  add();
  add();
  set_.set_single_active(true, false);
  EXPECT_THAT(serve(2), ElementsAre(0, 0));
  set_.set_single_active(false, false);
  EXPECT_THAT(serve(4), UnorderedElementsAre(0, 0, 1, 1));
}

TEST_F(ConsumerSetTest, TheLastActiveOneLeavesAnEmptySet) {
  set_.set_single_active(true, false);
  Consumer& only = add();
  set_.remove(only);
  EXPECT_EQ(set_.active(), nullptr);
  EXPECT_EQ(set_.next(0), nullptr);
  Consumer& later = add();
  EXPECT_EQ(set_.active(), &later);
}

}  // namespace
}  // namespace polymq::engine
