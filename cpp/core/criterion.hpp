// What a schedule is judged by: the process, the loss, and which law the output is compared with, from which start.
#pragma once

#include "core/losses/losses.hpp"
#include "core/process.hpp"

namespace specsched {

// data: the data itself. limit: what the same sampler makes of the same start with infinitely many steps (core/limit.hpp),
// which is all that a schedule can reach; what the two ends cost is then no part of the loss.
enum class Target { data, limit };

// prior: x_S is drawn from the prior of the process. data: it is the noised data (image-to-image, refiners).
enum class Start { prior, data };

struct Criterion {
    Process process = Process::vp;
    Loss loss = Loss::w2;
    Target target = Target::data;
    Start start = Start::prior;
};

}  // namespace specsched
