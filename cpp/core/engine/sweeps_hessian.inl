// Second derivatives, included by sweeps.inl. For each direction (level) i the forward sweep is differentiated:
// dm, zero up to the first coefficient that depends on i. The adjoint of a later coefficient, h dm, times its slope by
// level j is the mixed derivative of the pair (earlier coefficient by i, later by j); both orders together are
// cross + cross^T, no derivative of h needed. Only Q, a square, needs the derivative dh of the gain from each injection.

namespace specsched {
namespace {

inline void clear_packs(double* array, int count) {
    for (int i = 0; i < count; ++i) put(array, i, Pack(0.0));
}
inline Lanes lanes_at(const double* array, int i) { return Lanes::load(array + lane_count * i); }

// Injections: the noises of the program, then, if predictions have errors, one per prediction.
inline int injections(const SweepProgram& p) { return p.noises + (p.error > 0.0 ? p.levels : 0); }

// Per block of a tile: everything the directions read. Then the memory of one direction.
struct TileWork {
    int registers, levels;
    std::ptrdiff_t size;  // of a block
    double *blocks, *dm, *dh, *by_factor, *by_level, *by_noise, *by_level_curvature, *by_share_level;
    double *gain_row, *injected_row, *error_row, *noise_rows;

    TileWork(const SweepProgram& p, int directions, double* scratch)
        : registers(p.operations + 1), levels(p.levels), size(block_size(p)), blocks(scratch) {
        dm = blocks + (tile_size / pack_count) * block_size(p);
        dh = dm + pack_count * registers;
        by_factor = dh + pack_count * registers;
        by_level = by_factor + lane_count * p.terms;
        by_noise = by_level + lane_count * p.levels;
        by_level_curvature = by_noise + lane_count * p.noises;
        by_share_level = by_level_curvature + lane_count * p.levels;
        gain_row = by_share_level + lane_count * p.levels;
        injected_row = gain_row + pack_count * directions;
        error_row = injected_row + pack_count * directions;
        noise_rows = error_row + pack_count * directions;
    }
    static std::ptrdiff_t block_size(const SweepProgram& p) {
        return pack_count * (5 * (p.operations + 1) + (p.error > 0.0 ? 5 : 3) * p.levels);
    }
    double* h(int block) const { return blocks + block * size; }
    double* m(int block) const { return h(block) + pack_count * registers; }
    double* m_gain(int block) const { return m(block) + pack_count * registers; }
    double* m_injected(int block) const { return m_gain(block) + pack_count * registers; }
    double* m_error(int block) const { return m_injected(block) + pack_count * registers; }
    double* gain(int block) const { return m_error(block) + pack_count * registers; }
    double* inverse(int block) const { return gain(block) + pack_count * levels; }
    double* slope(int block) const { return inverse(block) + pack_count * levels; }
    // Variance of each prediction's error, its share left out, and the slope by the level; only where there are errors.
    double* error(int block) const { return slope(block) + pack_count * levels; }
    double* error_slope(int block) const { return error(block) + pack_count * levels; }
};

std::ptrdiff_t tile_scratch_size(const SweepProgram& p, int directions) {
    const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(directions) * (3 + injections(p));
    return (tile_size / pack_count) * TileWork::block_size(p) + pack_count * (2 * (p.operations + 1) + rows) +
           lane_count * (p.terms + 3 * p.levels + p.noises);
}

// Forward sweeps for P, Q and E, their weighted sum m, and the slopes of the gains.
void forward_pair(const SweepProgram& p, const Pack& lambda, const BlockSlopes& s, const TileWork& w, int block) {
    double *mg = w.m_gain(block), *mq = w.m_injected(block), *me = w.m_error(block);
    const double *h = w.h(block), *gain = w.gain(block), *inverse = w.inverse(block);
    put(mg, 0, Pack(1.0));
    put(mq, 0, Pack(0.0));
    put(me, 0, Pack(0.0));
    put(w.m(block), 0, s.by_gain);
    for (int o = 0; o < p.operations; ++o) {
        const SweepOperation& op = p.operation[o];
        Pack by_start(0.0), by_noise(0.0), by_error(0.0);
        for (int t = op.first; t < op.first + op.count; ++t) {
            const Pack factor = op.kind == 0 ? Pack(p.factor[t]) : at(gain, op.level);
            by_start = by_start + at(mg, p.source[t]) * factor;
            by_noise = by_noise + at(mq, p.source[t]) * factor;
            by_error = by_error + at(me, p.source[t]) * factor;
        }
        if (op.kind != 0) {
            const double level = p.level[op.level];
            put(w.slope(block), op.level,
                gain_slope(op.kind, level, lambda, at(gain, op.level), at(inverse, op.level)));
        }
        if (op.kind != 0 && p.error > 0.0) {
            const ErrorVariance v =
                error_variance<false>(p.error, op.kind, p.level[op.level], lambda, at(inverse, op.level));
            put(w.error(block), op.level, v.value);
            put(w.error_slope(block), op.level, v.slope);
            by_error = by_error + at(h, o + 1) * Pack(2.0 * p.factor[op.first]) * v.value;
        }
        if (op.noise >= 0) by_noise = by_noise + at(h, o + 1) * Pack(2.0 * p.noise[op.noise]);
        put(mg, o + 1, by_start);
        put(mq, o + 1, by_noise);
        put(me, o + 1, by_error);
        put(w.m(block), o + 1, by_start * s.by_gain + by_noise * s.by_injected + by_error * s.by_error);
    }
}

// Adjoints of the coefficients, and the gradients of P and Q by every direction (the rows).
void collect_first(const SweepProgram& p, const SweepTile& tile, const Pack& lambda, const BlockSlopes& s,
                   const TileWork& w, int block) {
    const double *h = w.h(block), *m = w.m(block), *mg = w.m_gain(block), *mq = w.m_injected(block);
    const double* me = w.m_error(block);
    clear_packs(w.gain_row, tile.directions);
    clear_packs(w.injected_row, tile.directions);
    clear_packs(w.error_row, tile.directions);
    const auto spread = [&](const double* slope, int newest, const Pack& by_start, const Pack& by_noise,
                            const Pack& by_error) {
        for (int j = 0; j < slope_width && j <= newest; ++j) {
            if (slope[j] == 0.0) continue;
            add(w.gain_row, newest - j, by_start * Pack(slope[j]));
            add(w.injected_row, newest - j, by_noise * Pack(slope[j]));
            add(w.error_row, newest - j, by_error * Pack(slope[j]));
        }
    };
    for (int o = 0; o < p.operations; ++o) {
        const SweepOperation& op = p.operation[o];
        const Pack made = at(h, o + 1);
        const int newest = tile.newest[o];
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) {
                const int from = p.source[t];
                accumulate(w.by_factor, t, made * at(m, from));
                spread(tile.factor_slope + t * slope_width, newest, made * at(mg, from), made * at(mq, from),
                       made * at(me, from));
            }
        } else {
            const int from = p.source[op.first];
            const Pack slope = made * at(w.slope(block), op.level), inverse = at(w.inverse(block), op.level);
            Pack by_level = slope * at(m, from), injected_error = slope * at(me, from);
            Pack bend = made * at(m, from) * gain_curvature(op.kind, p.level[op.level], lambda, inverse);
            if (p.error > 0.0) {
                const ErrorVariance v = error_variance<true>(p.error, op.kind, p.level[op.level], lambda, inverse);
                const Pack square = made * made, priced = square * s.by_error;
                const Pack share(p.factor[op.first]), slope_here = priced * v.slope;
                by_level = by_level + share * slope_here;
                bend = bend + share * priced * v.curvature;
                injected_error = injected_error + share * square * v.slope;
                accumulate(w.by_factor, op.first, priced * v.value);
                accumulate(w.by_share_level, op.level, slope_here);
                spread(tile.factor_slope + op.first * slope_width, newest, Pack(0.0), Pack(0.0), square * v.value);
            }
            accumulate(w.by_level, op.level, by_level);
            accumulate(w.by_level_curvature, op.level, bend);
            spread(tile.level_slope + op.level * slope_width, newest, slope * at(mg, from), slope * at(mq, from),
                   injected_error);
        }
        if (op.noise >= 0) {
            const Pack square = made * made;
            accumulate(w.by_noise, op.noise, square * s.by_injected);
            spread(tile.noise_slope + op.noise * slope_width, newest, Pack(0.0), square, Pack(0.0));
        }
    }
}

// Second derivatives of the loss by P, Q and the ends, times the rows.
void outer_products(const SweepTile& tile, const BlockCurvature& c, const TileWork& w) {
    const int n = tile.directions;
    double* const H = tile.hessian;
    for (int i = 0; i < n; ++i) {
        const Pack gain = at(w.gain_row, i), injected = at(w.injected_row, i);
        const Pack a = c.gg * gain + c.gq * injected, b = c.gq * gain + c.qq * injected;
        for (int j = 0; j <= i; ++j) H[i * n + j] += (a * at(w.gain_row, j) + b * at(w.injected_row, j)).sum();
        const double by_first = (c.gf * gain + c.qf * injected + c.ef * at(w.error_row, i)).sum();
        const double by_last = (c.gl * gain + c.ql * injected + c.el * at(w.error_row, i)).sum();
        H[i * n] += i == 0 ? 2.0 * by_first : by_first;
        H[(n - 1) * n + i] += i == n - 1 ? 2.0 * by_last : by_last;
    }
    H[0] += c.ff.sum();
    H[(n - 1) * n] += c.fl.sum();
    H[n * n - 1] += c.ll.sum();
}

inline bool slot_of(const SweepTile& tile, int o, int direction, int& slot) {
    slot = tile.newest[o] - direction;
    return slot >= 0 && slot < slope_width;
}

// dm along one direction for one block, from operation `begin` on; adds h dm to the adjoints of this direction.
void tangent_forward(const SweepProgram& p, const SweepTile& tile, int direction, int begin, const TileWork& w,
                     int block) {
    const double *h = w.h(block), *m = w.m(block), *gain = w.gain(block), *slope = w.slope(block);
    clear_packs(w.dm, begin + 1);
    for (int o = begin; o < p.operations; ++o) {
        const SweepOperation& op = p.operation[o];
        const Pack made = at(h, o + 1);
        int slot;
        const bool inside = slot_of(tile, o, direction, slot);
        Pack tangent(0.0);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) {
                const Pack read = at(w.dm, p.source[t]);
                tangent = tangent + read * Pack(p.factor[t]);
                if (inside) tangent = tangent + at(m, p.source[t]) * Pack(tile.factor_slope[t * slope_width + slot]);
                accumulate(w.by_factor, t, made * read);
            }
        } else {
            const Pack read = at(w.dm, p.source[op.first]), gain_change = at(slope, op.level);
            tangent = read * at(gain, op.level);
            if (inside)
                tangent = tangent + at(m, p.source[op.first]) * gain_change *
                                        Pack(tile.level_slope[op.level * slope_width + slot]);
            accumulate(w.by_level, op.level, made * gain_change * read);
        }
        put(w.dm, o + 1, tangent);
    }
}

// Contracts the adjoints of one direction with the slopes of the coefficients: one row of `cross`.
void contract(const SweepProgram& p, const SweepTile& tile, int direction, int begin, const TileWork& w) {
    double* const row = tile.cross + static_cast<std::ptrdiff_t>(direction) * tile.directions;
    const auto spread = [&](const double* slope, int newest, double adjoint) {
        for (int j = 0; j < slope_width && j <= newest; ++j) row[newest - j] += adjoint * slope[j];
    };
    for (int o = begin; o < p.operations; ++o) {
        const SweepOperation& op = p.operation[o];
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t)
                spread(tile.factor_slope + t * slope_width, tile.newest[o], lanes_at(w.by_factor, t).sum());
        } else {
            spread(tile.level_slope + op.level * slope_width, tile.newest[o], lanes_at(w.by_level, op.level).sum());
        }
    }
}

// dh along one direction for one block, backwards from operation `end`; stores it at every injection.
void tangent_backward(const SweepProgram& p, const SweepTile& tile, int direction, int end, const TileWork& w,
                      int block) {
    const double *h = w.h(block), *gain = w.gain(block), *slope = w.slope(block);
    double* const row = w.noise_rows + pack_count * static_cast<std::ptrdiff_t>(direction) * injections(p);
    clear_packs(row, injections(p));
    clear_packs(w.dh, end + 1);
    for (int o = end - 1; o >= 0; --o) {
        const SweepOperation& op = p.operation[o];
        const Pack made = at(h, o + 1), change = at(w.dh, o + 1);
        if (op.noise >= 0) put(row, op.noise, change);
        if (op.kind != 0 && p.error > 0.0) put(row, p.noises + op.level, change);
        int slot;
        const bool inside = slot_of(tile, o, direction, slot);
        for (int t = op.first; t < op.first + op.count; ++t) {
            Pack read = change * (op.kind == 0 ? Pack(p.factor[t]) : at(gain, op.level));
            if (inside && op.kind == 0) read = read + made * Pack(tile.factor_slope[t * slope_width + slot]);
            if (inside && op.kind != 0)
                read = read + made * at(slope, op.level) * Pack(tile.level_slope[op.level * slope_width + slot]);
            add(w.dh, p.source[t], read);
        }
    }
}

// Q and E are sums of v_n h_n^2: 2 L v_n dh_i dh_j, and 2 L h_n (v_i dh_j + v_j dh_i), with L the slope by Q or E. The
// slopes of v_n by the levels are those of `coefficient` times `change`, and those of `share`, if any, times `whole`.
struct Injection {
    int index, newest;  // of the row of dh; of the step
    Pack made, slope, variance;
    const double* coefficient;
    Pack change;
    const double* share;
    Pack whole;
};

void injection_products(const SweepProgram& p, const SweepTile& tile, const Injection& at_step, const TileWork& w) {
    const int n = tile.directions, newest = at_step.newest;
    const auto dh = [&](int direction) { return at(w.noise_rows, direction * injections(p) + at_step.index); };
    // Nothing before the injection's own step moves the gain after it.
    const int oldest = newest - slope_width + 1 > 0 ? newest - slope_width + 1 : 0;
    const Pack weight = at_step.slope * Pack(2.0) * at_step.variance;
    const Pack adjoint = at_step.made * at_step.slope * Pack(2.0);
    const Pack by_coefficient = adjoint * at_step.change, by_share = adjoint * at_step.whole;
    for (int i = oldest; i < n; ++i) {
        const Pack change = weight * dh(i);
        for (int j = oldest; j <= i; ++j) tile.hessian[i * n + j] += (change * dh(j)).sum();
        const double coupled = (by_coefficient * dh(i)).sum();
        const double shared = at_step.share ? (by_share * dh(i)).sum() : 0.0;
        for (int slot = 0; slot < slope_width && slot <= newest; ++slot) {
            const int j = newest - slot;
            double value = coupled * at_step.coefficient[slot];
            if (at_step.share) value += shared * at_step.share[slot];
            // The pair (i, j) and the pair (j, i) fall on the same element of the triangle.
            tile.hessian[(i > j ? i : j) * n + (i > j ? j : i)] += i == j ? 2.0 * value : value;
        }
    }
}

void noise_products(const SweepProgram& p, const SweepTile& tile, const BlockSlopes& s, const TileWork& w, int block) {
    for (int o = 0; o < p.operations; ++o) {
        const SweepOperation& op = p.operation[o];
        const Pack made = at(w.h(block), o + 1);
        if (op.noise >= 0)
            injection_products(p, tile,
                               {op.noise, tile.newest[o], made, s.by_injected, Pack(p.noise[op.noise]),
                                tile.noise_slope + op.noise * slope_width, Pack(1.0), nullptr, Pack(0.0)},
                               w);
        if (op.kind != 0 && p.error > 0.0) {
            const Pack share(p.factor[op.first]), whole = at(w.error(block), op.level);
            injection_products(p, tile,
                               {p.noises + op.level, tile.newest[o], made, s.by_error, share * whole,
                                tile.level_slope + op.level * slope_width, share * at(w.error_slope(block), op.level),
                                tile.factor_slope + op.first * slope_width, whole},
                               w);
        }
    }
}

template <class Term>
void hessian_of(const SweepProgram& p, const SweepEnds& ends, const SweepChunk& chunk, const SweepTile& tile) {
    const TileWork w(p, tile.directions, chunk.scratch);
    const EndTaylor taylor(ends);
    const int blocks = static_cast<int>((chunk.count + pack_count - 1) / pack_count);
    BlockSlopes slopes[tile_size / pack_count];
    clear(w.by_factor, p.terms);
    clear(w.by_level, p.levels);
    clear(w.by_noise, p.noises);
    clear(w.by_level_curvature, p.levels);
    clear(w.by_share_level, p.levels);
    SweepSums& sums = *tile.sums;
    const bool grouped = groupable(p, chunk);
    for (int block = 0; block < blocks; ++block) {
        const Block b = load_block(chunk, static_cast<std::ptrdiff_t>(block) * pack_count);
        Work first(p, chunk.scratch);
        first.h = w.h(block);
        first.gain = w.gain(block);
        first.inverse = w.inverse(block);
        evaluate_gains(p, b.lambda, grouped, first);
        const Injected injected = backward(p, b.lambda, first);
        BlockCurvature curvature;
        BlockSlopes& s = slopes[block];
        s = Term::curvature(b, taylor, ends, at(first.h, 0), injected.sampler, injected.denoiser, curvature);
        sums.sum += s.value.sum();
        sums.by_first += s.by_first.sum();
        sums.by_last += s.by_last.sum();
        forward_pair(p, b.lambda, s, w, block);
        collect_first(p, tile, b.lambda, s, w, block);
        outer_products(tile, curvature, w);
    }
    collect(w.by_factor, p.terms, sums.by_factor);
    collect(w.by_level, p.levels, sums.by_level);
    collect(w.by_noise, p.noises, sums.by_noise);
    collect(w.by_level_curvature, p.levels, tile.by_level_curvature);
    collect(w.by_share_level, p.levels, tile.by_share_level);

    int begin = 0;
    for (int i = 0; i < tile.directions; ++i) {
        while (begin < p.operations && tile.newest[begin] < i) ++begin;
        clear(w.by_factor, p.terms);
        clear(w.by_level, p.levels);
        for (int block = 0; block < blocks; ++block) tangent_forward(p, tile, i, begin, w, block);
        contract(p, tile, i, begin, w);
    }
    if (injections(p) == 0) return;
    for (int block = 0; block < blocks; ++block) {
        int end = 0;
        for (int i = 0; i < tile.directions; ++i) {
            while (end < p.operations && tile.newest[end] - slope_width < i) ++end;
            tangent_backward(p, tile, i, end, w, block);
        }
        noise_products(p, tile, slopes[block], w, block);
    }
}

}  // namespace
}  // namespace specsched
