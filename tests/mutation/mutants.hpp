// What rewrite.py puts in place of signs, operators and constants: the text as it was, or one change of it. Which one runs is
// chosen by the environment, so that all mutants are compiled once. Included before everything else.
#pragma once

#include <cstdlib>
#include <type_traits>

namespace mutants {

inline int chosen() {
    const char* const text = std::getenv("SPECSCHED_MUTANT");
    return text ? std::atoi(text) : -1;
}
inline const int active = chosen();
inline bool on(int id) { return active == id; }

template <class T>
T number(int id, T as_it_was, T changed) {
    return on(id) ? changed : as_it_was;
}

// What an operation makes: a value, and where Eigen makes an expression, its value too, since what it becomes when it is
// changed is another expression.
template <class T, class = void>
struct Made {
    using type = std::decay_t<T>;
};
template <class T>
struct Made<T, std::void_t<typename std::decay_t<T>::PlainObject>> {
    using type = typename std::decay_t<T>::PlainObject;
};
template <class T>
using made = typename Made<T>::type;

// a + b as a + sign(id) * b.
struct Sign {
    bool turned;
};
inline Sign sign(int id) { return {on(id)}; }
template <class T>
made<T> operator*(Sign sign, const T& x) {
    if (sign.turned) return -x;
    return x;
}

// -x as minus(id) * x.
struct Minus {
    bool dropped;
};
inline Minus minus(int id) { return {on(id)}; }
template <class T>
made<T> operator*(Minus minus, const T& x) {
    if (minus.dropped) return x;
    return -x;
}

// a * b as a * place(id) * b, and the same for every other operator: its place in the order of operations stays.
struct Operator {
    int id;
};
inline Operator place(int id) { return {id}; }
template <class T>
struct Left {
    const T& value;
    bool changed;
};
#define MUTANTS_OPERATOR(op)                               \
    template <class T>                                     \
    Left<T> operator op(const T & value, Operator place) { \
        return {value, on(place.id)};                      \
    }
MUTANTS_OPERATOR(*)
MUTANTS_OPERATOR(/)
MUTANTS_OPERATOR(<)
MUTANTS_OPERATOR(<=)
MUTANTS_OPERATOR(>)
MUTANTS_OPERATOR(>=)
MUTANTS_OPERATOR(==)
MUTANTS_OPERATOR(!=)
#undef MUTANTS_OPERATOR
// Where the types have no such quotient, the sign is turned.
template <class T, class U>
auto quotient(const T& a, const U& b, int) -> decltype(a / b) {
    return a / b;
}
template <class T, class U>
auto quotient(const T& a, const U& b, long) -> decltype(-(a * b)) {
    return -(a * b);
}
#define MUTANTS_CHANGE(op, as_it_was, changed_to)                                         \
    template <class T, class U>                                                           \
    auto operator op(Left<T> left, const U& right)->made<decltype(left.value op right)> { \
        const T& a = left.value;                                                          \
        const U& b = right;                                                               \
        if (left.changed) return changed_to;                                              \
        return as_it_was;                                                                 \
    }
MUTANTS_CHANGE(*, a* b, quotient(a, b, 0))
MUTANTS_CHANGE(/, a / b, quotient(b, a, 0))
MUTANTS_CHANGE(<, a < b, a <= b)
MUTANTS_CHANGE(<=, a <= b, a < b)
MUTANTS_CHANGE(>, a > b, a >= b)
MUTANTS_CHANGE(>=, a >= b, a > b)
MUTANTS_CHANGE(==, a == b, a != b)
MUTANTS_CHANGE(!=, a != b, a == b)
#undef MUTANTS_CHANGE

// if (condition) as if (flip(id), condition): nothing binds weaker than a comma.
struct Flip {
    bool turned;
};
inline Flip flip(int id) { return {on(id)}; }
template <class T>
bool operator,(Flip flip, const T& condition) {
    return flip.turned != static_cast<bool>(condition);
}

}  // namespace mutants
