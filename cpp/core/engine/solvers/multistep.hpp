// The linear multistep exponential solver whose coefficients are free numbers, given as a table (docs/solvers.md).
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

// y' = (r'/r) y + (1 - r'/r) [D_0 + sum_j c_j (D_0 - D_j)], D_j the prediction j steps ago; the network is told
// the level r e^tau. Coefficients of predictions that do not exist yet are not used.
struct Multistep {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T &from = at.now(), &to = at.next();
        const bool told = !at.spec.model_times.empty();
        carry.history.push_back(tape.predict(carry.y, told ? from * exp(at.table->model_time) : from));
        const T share = (from - to) / from;
        const int back = at.table ? std::min(static_cast<int>(at.table->coefficient.size()), at.index) : 0;
        T newest = share;
        std::vector<Term<T>> terms{{carry.y, to / from}, {carry.history[at.index], share}};
        for (int j = 0; j < back; ++j) {
            const T weight = share * at.table->coefficient[j];
            newest = newest + weight;
            terms.push_back({carry.history[at.index - 1 - j], -weight});
        }
        terms[1].factor = newest;
        carry.y = tape.combine(terms);
    }
};

}  // namespace solvers
}  // namespace specsched
