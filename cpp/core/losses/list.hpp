// The losses that users can name. Adding one means a header beside this one, its include and its row.
#pragma once

#include "core/losses/kl.hpp"
#include "core/losses/w2.hpp"

// ROW(name, what says how it differs from the others)
#define SPECSCHED_LOSSES(ROW) \
    ROW(w2, losses::W2)       \
    ROW(kl, losses::Kl)       \
    ROW(reverse_kl, losses::ReverseKl)
