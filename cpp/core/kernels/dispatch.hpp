// Which copy of the kernels runs: the best that this machine has, unless a test or SPECSCHED_KERNELS says otherwise.
#pragma once

#include <string>
#include <vector>

#include "core/kernels/kernels.hpp"

namespace specsched {

const KernelTable& kernels();
std::vector<std::string> available_kernels();    // best first
bool select_kernels(const std::string& name);    // false: not available here

}  // namespace specsched
