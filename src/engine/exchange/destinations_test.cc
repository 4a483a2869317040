// Promises of the collections of destinations.
#include "engine/exchange/destinations.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace polymq::engine {
namespace {

TEST(DestinationSet, ADestinationIsListedOnceAndStaysUntilItsLastBindingIsGone) {
  DestinationSet set;
  set.add({7, false});
  set.add({7, false});
  std::vector<Destination> out;
  set.append_to(out);
  EXPECT_EQ(out, std::vector<Destination>{(Destination{7, false})});
  set.remove({7, false});
  EXPECT_FALSE(set.empty());
  set.remove({7, false});
  EXPECT_TRUE(set.empty());
}

TEST(DestinationSet, AQueueAndAnExchangeOfTheSameNumberAreDifferent) {
  DestinationSet set;
  set.add({7, false});
  set.add({7, true});
  EXPECT_EQ(set.size(), 2u);
}

TEST(DestinationSet, AddsAndRemovesInAnyOrderLeaveWhatAPlainMultisetHas) {
  std::mt19937 random(1);
  DestinationSet set;
  std::map<std::uint64_t, int> model;
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t id = random() % 60;
    // Grows and shrinks over the border where the index comes and goes.
    if (random() % 100 < ((i / 1000) % 2 == 0 ? 60u : 40u)) {
      set.add({id, false});
      ++model[id];
    } else if (model.contains(id)) {
      set.remove({id, false});
      if (--model[id] == 0) model.erase(id);
    }
    ASSERT_EQ(set.size(), model.size());
  }
  std::vector<Destination> out;
  set.append_to(out);
  for (const Destination& destination : out) EXPECT_TRUE(model.contains(destination.id));
}

TEST(DestinationSlots, EveryBindingHasASlotWhateverWasRemovedBetween) {
  std::mt19937 random(2);
  DestinationSlots slots;
  std::multiset<std::uint64_t> model;
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t id = random() % 20;
    if (random() % 2 == 0) {
      slots.add({id, false});
      model.insert(id);
    } else if (const auto it = model.find(id); it != model.end()) {
      slots.remove({id, false});
      model.erase(it);
    }
  }
  std::multiset<std::uint64_t> present;
  for (std::size_t i = 0; i < slots.size(); ++i) present.insert(slots[i].id);
  EXPECT_EQ(present, model);
}

}  // namespace
}  // namespace polymq::engine
