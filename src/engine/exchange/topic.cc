// The topic exchange's trie.
#include "engine/exchange/topic.h"

#include <utility>

namespace polymq::engine {
namespace {

/// Calls `visit` with each word of the key; a key without characters has none.
template <class Visit>
void for_each_word(std::string_view key, Visit visit) {
  if (key.empty()) return;
  for (;;) {
    const std::size_t dot = key.find('.');
    visit(key.substr(0, dot));
    if (dot == std::string_view::npos) return;
    key.remove_prefix(dot + 1);
  }
}

}  // namespace

TopicMatcher::NodeIndex TopicMatcher::child(NodeIndex from, std::string_view word) const {
  if (word == "*") return nodes_[from].star;
  if (word == "#") return nodes_[from].hash;
  const auto it = literals_.find(EdgeView{from, word});
  return it == literals_.end() ? kNone : it->second;
}

TopicMatcher::NodeIndex TopicMatcher::allocate() {
  if (!free_.empty()) {
    const NodeIndex node = free_.back();
    free_.pop_back();
    return node;
  }
  nodes_.emplace_back();
  return static_cast<NodeIndex>(nodes_.size() - 1);
}

TopicMatcher::NodeIndex TopicMatcher::make_child(NodeIndex from, std::string_view word) {
  if (const NodeIndex known = child(from, word); known != kNone) return known;
  const NodeIndex made = allocate();
  if (word == "*") {
    nodes_[from].star = made;
  } else if (word == "#") {
    nodes_[from].hash = made;
    nodes_[made].stays = true;
  } else {
    literals_.emplace(Edge{from, std::string(word)}, made);
    ++nodes_[from].literals;
  }
  return made;
}

void TopicMatcher::cut_child(NodeIndex from, std::string_view word) {
  const NodeIndex gone = child(from, word);
  if (word == "*") {
    nodes_[from].star = kNone;
  } else if (word == "#") {
    nodes_[from].hash = kNone;
  } else {
    literals_.erase(literals_.find(EdgeView{from, word}));
    --nodes_[from].literals;
  }
  nodes_[gone] = Node();
  free_.push_back(gone);
}

void TopicMatcher::add(Destination destination, std::string_view key, const Fields&) {
  NodeIndex node = 0;
  for_each_word(key, [&](std::string_view word) { node = make_child(node, word); });
  nodes_[node].bound.add(destination);
}

void TopicMatcher::remove(Destination destination, std::string_view key, const Fields&) {
  std::vector<std::pair<NodeIndex, std::string_view>> path;
  NodeIndex node = 0;
  for_each_word(key, [&](std::string_view word) {
    path.emplace_back(node, word);
    node = child(node, word);
  });
  nodes_[node].bound.remove(destination);
  for (; !path.empty() && nodes_[node].unused(); path.pop_back()) {
    const auto [parent, word] = path.back();
    cut_child(parent, word);
    node = parent;
  }
}

void TopicMatcher::reach(NodeIndex node, std::vector<NodeIndex>& reached) const {
  while (node != kNone && last_step_[node] != step_) {
    last_step_[node] = step_;
    reached.push_back(node);
    node = nodes_[node].hash;
  }
}

void TopicMatcher::step(std::string_view word) const {
  ++step_;
  next_.clear();
  for (const NodeIndex at : now_) {
    const Node& node = nodes_[at];
    if (node.stays) reach(at, next_);
    reach(node.star, next_);
    if (node.literals != 0) {
      const auto it = literals_.find(EdgeView{at, word});
      if (it != literals_.end()) reach(it->second, next_);
    }
  }
  now_.swap(next_);
}

void TopicMatcher::match(std::string_view key, const MessageView&, std::uint64_t,
                         std::vector<Destination>& out) const {
  last_step_.resize(nodes_.size());
  ++step_;
  now_.assign(1, 0);  // the root; it is never reached again
  for (NodeIndex node = nodes_[0].hash; node != kNone; node = nodes_[node].hash) {
    now_.push_back(node);
  }
  for_each_word(key, [this](std::string_view word) {
    if (!now_.empty()) step(word);
  });
  for (const NodeIndex node : now_) nodes_[node].bound.append_to(out);
}

}  // namespace polymq::engine
