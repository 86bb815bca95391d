#pragma once

#include <algorithm>
#include <vector>

namespace specsched {

// In the order of key(item), the least first; equals stay in the order in which they were.
template <class T, class Key>
void sort_by(std::vector<T>& items, const Key& key) {
    std::stable_sort(items.begin(), items.end(), [&](const T& a, const T& b) { return key(a) < key(b); });
}

}  // namespace specsched
