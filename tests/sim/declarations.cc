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
    if (thing.there && !ending_vhosts_.contains(name.vhost)) check(name, thing, image);
  }
  ending_vhosts_.clear();
  things_.clear();
}

namespace {

bool has(const auto& rows, std::uint64_t id) {
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
}

}  // namespace

// Of what is no binding: its incarnation, or 0.
std::uint64_t Declarations::row_of(const Name& name, const storage::MetadataImage& image) {
  const auto find = [&](const auto& rows) -> std::uint64_t {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& one) {
      return one.vhost == name.vhost && one.name == name.name;
    });
    return row == rows.end() ? 0 : row->id;
  };
  if (name.kind == Kind::kQueue) return find(image.queues);
  if (name.kind == Kind::kExchange) return find(image.exchanges);
  const auto vhost = std::find_if(image.vhosts.begin(), image.vhosts.end(),
                                  [&](const auto& row) { return row.name == name.name; });
  return vhost == image.vhosts.end() ? 0 : vhost->id;
}

bool Declarations::has_binding(const Name& name, Ids ids, const storage::MetadataImage& image) {
  return std::any_of(image.bindings.begin(), image.bindings.end(), [&](const auto& row) {
    return row.source == ids.first && row.destination == ids.second && row.key == name.key;
  });
}

void Declarations::check(const Name& name, const Thing& thing,
                         const storage::MetadataImage& image) {
  const bool expected = *thing.there;
  if (name.kind != Kind::kVhost && !has(image.vhosts, name.vhost)) return;  // gone with that
  if (name.kind != Kind::kBinding) {
    const std::uint64_t id = row_of(name, image);
    if (expected ? id == thing.ids.first : id == 0) return;
    violated("(f) a client was told that %s is %s, but after the restart it is not",
             name.name.c_str(), expected ? "declared" : "deleted");
  }
  if (!has(image.exchanges, thing.ids.first)) return;
  if (!has(image.queues, thing.ids.second) && !has(image.exchanges, thing.ids.second)) return;
  if (has_binding(name, thing.ids, image) == expected) return;
  violated("(f) a client was told that %s is %s to %s, but after the restart it is not",
           name.name.c_str(), expected ? "bound" : "no longer bound", name.destination.c_str());
}

}  // namespace polymq::sim
