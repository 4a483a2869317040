// What clients were told of declared things that outlive a restart.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "storage/metadata_store.h"

namespace polymq::sim {

/// Operations on one thing may overlap: only those add to what is known that nothing of the other
/// direction was under way with.
class Declarations {
 public:
  /// Incarnations: of an exchange or a queue, or of both ends of a binding.
  using Ids = std::pair<std::uint64_t, std::uint64_t>;
  enum class Kind : std::uint8_t { kVhost, kExchange, kQueue, kBinding };
  struct Name {
    Kind kind;
    std::uint32_t vhost;  // where it is
    std::string name;     // of a binding: its source
    std::string destination = {};
    std::string key = {};
    auto operator<=>(const Name&) const = default;
  };
  using Ticket = std::uint64_t;

  /// Somebody asks for it to be there (`adds`), or to be gone.
  Ticket begin(const Name& what, bool adds);
  /// It was answered. `ids`: its incarnations, if they are known for sure. `done`: not refused.
  void end(const Name& what, bool adds, Ticket begun, bool done, Ids ids);
  /// Somebody wants it gone, with all that is in it. That may happen bit by bit.
  void vhost_may_vanish(std::uint32_t vhost) { ending_vhosts_.insert(vhost); }
  /// The node starts with these rows. Violation: it is not what clients were told.
  void restarted(const storage::MetadataImage& image);

 private:
  struct Side {
    unsigned open = 0;
    Ticket last_end = 0;
  };
  struct Thing {
    Side sides[2];  // of removing, and of adding
    std::optional<bool> there;
    Ids ids = {};
  };
  static void check(const Name& name, const Thing& thing, const storage::MetadataImage& image);
  static std::uint64_t row_of(const Name& name, const storage::MetadataImage& image);
  static bool has_binding(const Name& name, Ids ids, const storage::MetadataImage& image);

  std::map<Name, Thing> things_;
  std::set<std::uint32_t> ending_vhosts_;
  Ticket tick_ = 0;
};

}  // namespace polymq::sim
