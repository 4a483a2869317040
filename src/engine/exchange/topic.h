// The topic exchange: words between dots; `*` stands for one word, `#` for any number of them.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/exchange/destinations.h"
#include "engine/exchange/matcher.h"

namespace polymq::engine {

/// A trie of binding words, walked with the set of all nodes that the words so far can have led to.
/// So a message costs at most words x nodes, whatever the number of `#` in a binding, and touches
/// few nodes in practice. Matching allocates nothing once its scratch space has grown.
///
/// Invariants:
/// 1. Node 0 is the root; every other node in use has a binding at or below it.
/// 2. A node reached through `#` stays reached by every further word.
/// 3. A routing key of no characters has no words; "a..b" has an empty word in the middle.
class TopicMatcher final : public Matcher {
 public:
  TopicMatcher() : nodes_(1) {}
  void add(Destination destination, std::string_view key, const Fields& arguments) override;
  void remove(Destination destination, std::string_view key, const Fields& arguments) override;
  void match(std::string_view key, const MessageView& message, std::uint64_t random,
             std::vector<Destination>& out) const override;
  bool by_key_alone() const override { return true; }

  /// Nodes in use, the root included.
  std::size_t node_count() const { return nodes_.size() - free_.size(); }

 private:
  using NodeIndex = std::uint32_t;
  static constexpr NodeIndex kNone = 0;  // the root is nobody's child

  struct Node {
    NodeIndex star = kNone;
    NodeIndex hash = kNone;
    std::uint32_t literals = 0;  // children by a literal word
    bool stays = false;          // it stands for `#`
    DestinationSet bound;
    bool unused() const { return star == kNone && hash == kNone && literals == 0 && bound.empty(); }
  };

  struct EdgeView {
    NodeIndex from;
    std::string_view word;
  };
  struct Edge {
    NodeIndex from;
    std::string word;
  };
  struct EdgeHash {
    using is_transparent = void;
    template <class E>
    std::size_t operator()(const E& edge) const {
      return hash64(std::string_view(edge.word), edge.from);
    }
  };
  struct EdgeEqual {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.from == b.from && std::string_view(a.word) == std::string_view(b.word);
    }
  };

  NodeIndex child(NodeIndex from, std::string_view word) const;
  NodeIndex make_child(NodeIndex from, std::string_view word);
  void cut_child(NodeIndex from, std::string_view word);
  NodeIndex allocate();
  /// Adds `node`, and what `#` children reach with no word at all, to the nodes reached in this
  /// step.
  void reach(NodeIndex node, std::vector<NodeIndex>& reached) const;
  void step(std::string_view word) const;

  std::vector<Node> nodes_;
  std::vector<NodeIndex> free_;
  boost::unordered_flat_map<Edge, NodeIndex, EdgeHash, EdgeEqual> literals_;

  // Scratch of match(), by which a node is reached once a step.
  mutable std::vector<std::uint64_t> last_step_;
  mutable std::uint64_t step_ = 0;
  mutable std::vector<NodeIndex> now_;
  mutable std::vector<NodeIndex> next_;
};

}  // namespace polymq::engine
