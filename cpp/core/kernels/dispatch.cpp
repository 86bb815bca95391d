#include "core/kernels/dispatch.hpp"

#include <atomic>
#include <cstdlib>

extern "C" {
const void* specsched_kernels_baseline();
#ifdef SPECSCHED_HAS_avx2
const void* specsched_kernels_avx2();
#endif
#ifdef SPECSCHED_HAS_avx512
const void* specsched_kernels_avx512();
#endif
}

namespace specsched {
namespace {

using Tables = std::vector<const KernelTable*>;

Tables find_tables() {
    Tables found;
#ifdef SPECSCHED_HAS_avx512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found.push_back(static_cast<const KernelTable*>(specsched_kernels_avx512()));
#endif
#ifdef SPECSCHED_HAS_avx2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found.push_back(static_cast<const KernelTable*>(specsched_kernels_avx2()));
#endif
    found.push_back(static_cast<const KernelTable*>(specsched_kernels_baseline()));
    return found;
}

const Tables& tables() {
    static const Tables found = find_tables();
    return found;
}

const KernelTable* find(const std::string& name) {
    for (const KernelTable* table : tables())
        if (name == table->name) return table;
    return nullptr;
}

std::atomic<const KernelTable*> chosen{nullptr};

const KernelTable* initial_choice() {
    const char* wish = std::getenv("SPECSCHED_KERNELS");
    const KernelTable* table = wish ? find(wish) : nullptr;
    return table ? table : tables().front();
}

}  // namespace

const KernelTable& kernels() {
    const KernelTable* table = chosen.load(std::memory_order_acquire);
    if (!table) {
        table = initial_choice();
        chosen.store(table, std::memory_order_release);
    }
    return *table;
}

std::vector<std::string> available_kernels() {
    std::vector<std::string> names;
    for (const KernelTable* table : tables()) names.emplace_back(table->name);
    return names;
}

bool select_kernels(const std::string& name) {
    const KernelTable* table = find(name);
    if (!table) return false;
    chosen.store(table, std::memory_order_release);
    return true;
}

}  // namespace specsched
