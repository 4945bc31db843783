// GrowingList: values that are added and never removed, at addresses that stay.
//
// It is read without a lock, so a child of fork() can read one that another thread of its parent
// was adding to.
//
// Thread safety: any number of readers beside one call of Append.
#ifndef COFFER_SRC_BASE_GROWING_LIST_H_
#define COFFER_SRC_BASE_GROWING_LIST_H_

#include <atomic>
#include <utility>

namespace coffer::inline v0 {

template <class T>
class GrowingList {
 public:
  GrowingList() = default;
  GrowingList(const GrowingList&) = delete;
  GrowingList& operator=(const GrowingList&) = delete;
  ~GrowingList() {
    for (Node* node = first_.load(); node != nullptr;)
      delete std::exchange(node, node->next.load());
  }

  void Append(T value) {
    std::atomic<Node*>* end = &first_;
    while (Node* const node = end->load()) end = &node->next;
    end->store(new Node{std::move(value), nullptr});
  }

  /// The first value that `matches`, in the order in which they were added; nullptr if none does.
  template <class Matches>
  const T* Find(Matches matches) const {
    for (const Node* node = first_.load(); node != nullptr; node = node->next.load()) {
      if (matches(node->value)) return &node->value;
    }
    return nullptr;
  }

 private:
  struct Node {
    T value;
    std::atomic<Node*> next;
  };
  std::atomic<Node*> first_ = nullptr;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_GROWING_LIST_H_
