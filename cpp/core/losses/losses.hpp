// Losses known only at run time.
#pragma once

#include "core/losses/linear.hpp"
#include "core/losses/list.hpp"

namespace specsched {

enum class Loss {
#define SPECSCHED_NAME(name, Trait) name,
    SPECSCHED_LOSSES(SPECSCHED_NAME)
#undef SPECSCHED_NAME
        linear
};

// Calls body(Trait{}) for a loss that users can name.
template <class Body>
auto with_named_loss(Loss loss, const Body& body) {
    switch (loss) {
#define SPECSCHED_CASE(name, Trait) \
    case Loss::name: return body(Trait{});
        SPECSCHED_LOSSES(SPECSCHED_CASE)
#undef SPECSCHED_CASE
        case Loss::linear: break;
    }
    return body(losses::W2{});
}

// The same for any loss.
template <class Body>
auto with_loss(Loss loss, const Body& body) {
    if (loss == Loss::linear) return body(losses::Linear{});
    return with_named_loss(loss, body);
}

// Calls body(name, loss, Trait{}) for every loss that users can name.
template <class Body>
void each_loss(const Body& body) {
#define SPECSCHED_CALL(name, Trait) body(#name, Loss::name, Trait{});
    SPECSCHED_LOSSES(SPECSCHED_CALL)
#undef SPECSCHED_CALL
}

inline double reported_loss(Loss loss, double sum) {
    return with_loss(loss, [&](auto l) { return decltype(l)::reported(sum); });
}
inline double reported_slope(Loss loss, double sum) {
    return with_loss(loss, [&](auto l) { return decltype(l)::reported_slope(sum); });
}

}  // namespace specsched
