// What was answered, and what is there after a restart.
#include "declarations.h"

#include <algorithm>

#include "event_log.h"

namespace polymq::sim {

Declarations::Ticket Declarations::begin(const Name& what, bool adds) {
  Thing& thing = things_[what];
  ++thing.sides[adds ? 1 : 0].open;
  if (thing.there != adds) thing.there.reset();
  return ++tick_;
}

void Declarations::end(const Name& what, bool adds, Ticket begun, bool done, Ids ids) {
  const auto known = things_.find(what);
  if (known == things_.end()) return;
  Thing& thing = known->second;
  Side& mine = thing.sides[adds ? 1 : 0];
  const Side& others = thing.sides[adds ? 0 : 1];
  --mine.open;
  mine.last_end = ++tick_;
  const bool alone = others.open == 0 && others.last_end < begun;
  if (!done || !alone || (ids.first == 0 && adds)) return;
  thing.there = adds;
  thing.ids = ids;
}

void Declarations::restarted(const storage::MetadataImage& image) {
  for (const auto& [name, thing] : things_) {
    if (thing.there) check(name, thing, image);
  }
  things_.clear();
}

void Declarations::check(const Name& name, const Thing& thing,
                         const storage::MetadataImage& image) {
  const auto row_of = [&](const auto& rows) -> std::uint64_t {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& one) {
      return one.vhost == name.vhost && one.name == name.name;
    });
    return row == rows.end() ? 0 : row->id;
  };
  const auto has = [](const auto& rows, std::uint64_t id) {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
  };
  const bool expected = *thing.there;
  if (name.kind != Kind::kBinding) {
    const std::uint64_t id =
        name.kind == Kind::kQueue ? row_of(image.queues) : row_of(image.exchanges);
    if (expected ? id == thing.ids.first : id == 0) return;
    violated("(f) a client was told that %s is %s, but after the restart it is not",
             name.name.c_str(), expected ? "declared" : "deleted");
  }
  if (!has(image.exchanges, thing.ids.first)) return;
  if (!has(image.queues, thing.ids.second) && !has(image.exchanges, thing.ids.second)) return;
  const bool there = std::any_of(image.bindings.begin(), image.bindings.end(), [&](const auto& row) {
    return row.source == thing.ids.first && row.destination == thing.ids.second &&
           row.key == name.key;
  });
  if (there == expected) return;
  violated("(f) a client was told that %s is %s to %s, but after the restart it is not",
           name.name.c_str(), expected ? "bound" : "no longer bound", name.destination.c_str());
}

}  // namespace polymq::sim
