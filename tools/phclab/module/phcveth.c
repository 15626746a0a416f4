// SPDX-License-Identifier: GPL-2.0
/*
 * phcveth - pairs of virtual Ethernet ports, each with its own PTP hardware clock.
 *
 * Every port owns a software PHC that runs on CLOCK_MONOTONIC_RAW with its own oscillator
 * error, and an outgoing wire (delay, jitter, loss) to its peer. A frame that leaves at raw
 * time t is stamped PHC_tx(t) and, at the other end, PHC_rx(t + delay): the stamps are exact
 * however late the timers run. Everything is adjustable at run time in
 * /sys/kernel/debug/phcveth/; every random draw comes from seeded generators.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/prandom.h>
#include <linux/ptp_classify.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include <linux/version.h>

/* What differs between kernels, from 6.1 on; below it are only two operations that have other names and arguments. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define ethtool_ts_info kernel_ethtool_ts_info
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define hrtimer_setup(t, f, c, m) do { hrtimer_init(t, c, m); (t)->function = f; } while (0)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define pv_snapshot(s) ktime_get_snapshot_id(CLOCK_REALTIME, s)
#define snap_raw monoraw
#define snap_real systime
#define sys_realtime sys_systime
#else
#define pv_snapshot(s) ktime_get_snapshot(s)
#define snap_raw raw
#define snap_real real
#endif
/* So many instructions are missing before and behind the latch of a read, that both of the core's readings of the system clock are equally far away. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define PAD_BEFORE "0"
#define PAD_BEHIND "9"
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define PAD_BEFORE "11"
#define PAD_BEHIND "0"
#else
#define PAD_BEFORE "0"
#define PAD_BEHIND "0"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define asks_approx(x) ((x)->qualifier == HWTSTAMP_PROVIDER_QUALIFIER_APPROX)
#define asks_approx_info(i) ((i)->phc_qualifier == HWTSTAMP_PROVIDER_QUALIFIER_APPROX)
#define QUALIFIERS .supported_hwtstamp_qualifiers = BIT(HWTSTAMP_PROVIDER_QUALIFIER_PRECISE) | \
						     BIT(HWTSTAMP_PROVIDER_QUALIFIER_APPROX),
#else
#define asks_approx(x) false
#define asks_approx_info(i) false
#define QUALIFIERS
#endif

static unsigned int pairs = 1;
module_param(pairs, uint, 0444);
MODULE_PARM_DESC(pairs, "number of port pairs (1..32)");
static ulong seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "seed of all random draws");
static int max_adj = 62500000;
module_param(max_adj, int, 0444);
MODULE_PARM_DESC(max_adj, "advertised frequency adjustment range, ppb");

/* Run-time parameters: one debugfs file each. X(name, default, min, max) */
#define PARAMS(X) \
	X(osc_ppb, 0, -100000000, 100000000)	/* oscillator error */ \
	X(wander_ppt, 0, 0, 1000000000)		/* frequency random walk, ppt per sqrt(s) */ \
	X(freeze, 0, 0, 1)			/* the clock stops counting */ \
	X(delay_ns, 1000, 0, 10000000000LL)	/* wire: frames sent by this port */ \
	X(jitter_ns, 0, 0, 10000000000LL)	/* wire: exp. mean, or uniform upper bound */ \
	X(jitter_exp, 1, 0, 1)			/* wire: 1 exponential, 0 uniform */ \
	X(fifo, 1, 0, 1)			/* wire: keep the order of frames */ \
	X(loss_ppm, 0, 0, 1000000)		/* wire: lost frames */ \
	X(link, 1, 0, 1)			/* 0: cable pulled */ \
	X(tx_lat_ns, 0, -1000000000, 1000000000) /* error added to Tx stamps */ \
	X(rx_lat_ns, 0, -1000000000, 1000000000) /* error added to Rx stamps */ \
	X(ts_quantum_ns, 1, 1, 1000000000)	/* resolution of frame and extts stamps */ \
	X(adj_quantum_ppt, 0, 0, 1000000000)	/* resolution of adjfine */ \
	X(adj_trunc, 0, 0, 1)			/* adjfine cuts off towards 0 instead of rounding */ \
	X(max_adj_ppb, 0, 0, 1000000000)	/* its range; 0: the module's max_adj */ \
	X(txts_delay_us, 0, 0, 100000000)	/* late Tx stamps */ \
	X(txts_loss_ppm, 0, 0, 1000000)		/* lost Tx stamps */ \
	X(rxts_loss_ppm, 0, 0, 1000000)		/* lost Rx stamps */ \
	X(txts_slots, 0, 0, 1000000)		/* Tx stamps in flight at most, 0: any */ \
	X(tx_caps, 3, 0, 3)			/* beside HWTSTAMP_TX_ON: bit 0 ONESTEP_SYNC, bit 1 ONESTEP_P2P */ \
	X(rx_lie, 0, 0, 2)			/* 1: no Rx stamp at all, 2: none on non-PTP frames */ \
	X(rx_caps, 3, 0, 3)			/* filters: bit 0 PTP_V2_EVENT, bit 1 ALL */ \
	X(approx, 0, 0, 64)			/* a second provider of stamps, "approx": the PHC of port approx - 1 */ \
	X(cross, 1, 0, 2)			/* PTP_SYS_OFFSET_PRECISE: 0 none, 1 works, 2 EAGAIN */ \
	X(cross_err_ns, 0, -1000000000, 1000000000) /* what the PHC is off by in it */ \
	X(extended, 1, 0, 1)			/* PTP_SYS_OFFSET_EXTENDED works */ \
	X(read_pre_ns, 0, 0, 100000)		/* bus delay before the clock is latched */ \
	X(read_post_ns, 0, 0, 100000)		/* bus delay after */ \
	X(pps_irq, 0, 0, 1)			/* 1: PPS stamped at interrupt, 0: at the edge */ \
	X(pps_jitter_ns, 0, 0, 100000000)	/* exp. latency added to edge stamps */ \
	X(perout_width_ns, 100000000, 1, 1000000000) /* how long a pulse of the output is */ \
	X(extts_edges, 0, 0, 2)			/* the input stamps: 0 the rising edge, 1 either, 2 both at once as the i210 */ \
	X(ioerr, 0, 0, 4095)			/* errno returned by all clock operations */ \
	X(card, 1, 0, 2)			/* 0: pulled, net device and PHC are gone; 2: the PHC alone is */ \
	X(jump_ns, 0, S64_MIN, S64_MAX)		/* trigger: step the clock */ \
	X(reset, 0, 0, 2)			/* trigger: time 0, freq 0; 2: hwtstamp config too */

enum {
#define X(n, d, lo, hi) P_##n,
	PARAMS(X)
#undef X
	P_NR
};

static const struct pv_param {
	const char *name;
	s64 def, min, max;
} params[] = {
#define X(n, d, lo, hi) { #n, d, lo, hi },
	PARAMS(X)
#undef X
};

enum { R_WANDER, R_WIRE, R_LOSS, R_TXTS, R_RXTS, R_PPS, R_NR };	/* independent random streams */
enum { S_TXTS, S_TXTS_LOST, S_TXTS_SKIP, S_ONESTEP, S_RXTS, S_RXTS_LOST, S_LOST, S_ADJFINE, S_STEP, S_EDGE, S_NR };
static const char * const stat_names[] = { "txts", "txts_lost", "txts_skipped", "onestep", "rxts", "rxts_lost",
					   "frames_lost", "adjfine", "steps", "edges" };

#define ONE		(1ULL << 60)			/* frequency 1.0 */
#define WANDER_TICK	(NSEC_PER_SEC / 16)
#define QLEN		1000

struct pv_port;
struct pv_edge {			/* a train of edges at multiples of period in PHC time */
	struct hrtimer timer;
	struct pv_port *p;
	bool on;
	u64 start, period, next;
};

struct pv_file {
	struct pv_port *p;
	int id;
};

struct pv_port {
	int number;
	/* Both NULL while the card is pulled. Changed under RTNL; softirqs and timers read them under RCU. */
	struct net_device *dev;
	struct ptp_clock *ptp;
	struct pv_port *peer;
	struct ptp_clock_info info;
	struct hwtstamp_config cfg;
	bool by_approx;		/* the second provider is selected */
	s64 par[P_NR];
	struct pv_file file[P_NR];
	u64 stat[S_NR];
	struct rnd_state rnd[R_NR];
	/* clock: at raw time raw0 it shows ns0 + frac0 / ONE and runs at rate / ONE */
	spinlock_t lock;
	u64 raw0, ns0, frac0, rate, tick;
	s64 adj, wander;		/* 2^-60; ppt */
	struct pv_edge pps, perout, fall;	/* fall: where the pulses of perout end */
	struct ptp_pin_desc pins[2];
	unsigned int extts;	/* the edges that the input stamps: PTP_RISING_EDGE, PTP_FALLING_EDGE */
	/* outgoing wire and pending Tx stamps, ordered by due time */
	spinlock_t qlock;
	struct sk_buff_head q;
	struct hrtimer qtimer;
	u64 last_due;
	int txts_pending;
	/* NAPI, not netif_rx(): SCM_TIMESTAMPING_PKTINFO (chrony) finds the device by the NAPI id */
	struct napi_struct napi;
	struct sk_buff_head rxq;
};

struct pv_cb {
	u64 due, t0;
	bool txts;
};
#define PV_CB(skb) ((struct pv_cb *)(skb)->cb)

#define PV(netdev) (*(struct pv_port **)netdev_priv(netdev))	/* the port outlives its net device */

static struct pv_port **ports;
static struct dentry *dbg;

/* ---- random draws ---- */
static bool hit(struct pv_port *p, int stream, int par)
{
	s64 ppm = READ_ONCE(p->par[par]);

	return ppm && ((u64)prandom_u32_state(&p->rnd[stream]) * 1000000 >> 32) < ppm;
}

static u64 expo(struct rnd_state *r, u64 mean)	/* -mean * ln(u), by 16 squarings */
{
	u32 u = prandom_u32_state(r) | 1, frac = 0;
	int i, k = 31 - ilog2(u);
	u64 m = (u64)u << k;

	for (i = 0; i < 16; i++) {
		m = m * m >> 31;
		frac <<= 1;
		if (m >> 32) {
			m >>= 1;
			frac |= 1;
		}
	}
	return mul_u64_u64_shr(mean, (u64)(((k + 1) << 16) - frac) * 45426, 32);
}

/* ---- clock ---- */
static s64 ppt_to_q60(s64 ppt)
{
	return ((__int128)ppt * 1208925819615LL) >> 20;		/* 2^80 / 10^12 */
}

static u64 clk_at(struct pv_port *p, u64 raw)
{
	s64 dt = raw - p->raw0;

	if (dt >= 0)
		return p->ns0 + (u64)(((unsigned __int128)dt * p->rate + p->frac0) >> 60);
	return p->ns0 - (u64)(((unsigned __int128)(-dt) * p->rate) >> 60);
}

static void clk_rebase(struct pv_port *p, u64 raw)
{
	unsigned __int128 x;

	if ((s64)(raw - p->raw0) <= 0)
		return;
	x = (unsigned __int128)(raw - p->raw0) * p->rate + p->frac0;
	p->ns0 += (u64)(x >> 60);
	p->frac0 = (u64)x & (ONE - 1);
	p->raw0 = raw;
}

static void clk_set_rate(struct pv_port *p)
{
	s64 osc = ppt_to_q60(p->par[P_osc_ppb] * 1000 + p->wander);

	p->rate = p->par[P_freeze] ? 0 : ONE + osc + p->adj + (s64)(((__int128)osc * p->adj) >> 60);
}

static noinline void clk_walk(struct pv_port *p, u64 raw)
{
	if (!p->par[P_wander_ppt])
		p->tick = raw;
	while ((s64)(raw - p->tick) >= WANDER_TICK) {
		u32 a = prandom_u32_state(&p->rnd[R_WANDER]), b = prandom_u32_state(&p->rnd[R_WANDER]);
		s64 n = (s16)a + (s16)(a >> 16) + (s16)b + (s16)(b >> 16);	/* sd 37837 */

		p->tick += WANDER_TICK;
		clk_rebase(p, p->tick);
		p->wander += div_s64(p->par[P_wander_ppt] * n, 4 * 37837);
		clk_set_rate(p);
	}
}

static void clk_advance(struct pv_port *p, u64 raw)	/* walk the oscillator up to now */
{
	if ((s64)(raw - p->tick) >= WANDER_TICK)	/* as many instructions with wander as without */
		clk_walk(p, raw);
}

static u64 clk_read(struct pv_port *p, u64 raw)	/* any context, lock not held */
{
	unsigned long f;
	u64 ns;

	spin_lock_irqsave(&p->lock, f);
	clk_advance(p, raw);
	ns = clk_at(p, raw);
	spin_unlock_irqrestore(&p->lock, f);
	return ns;
}

static u64 clk_read_frac(struct pv_port *p, u64 raw, u32 *ps)	/* for the truth only: with a fraction */
{
	unsigned __int128 x;
	unsigned long f;
	u64 ns;

	spin_lock_irqsave(&p->lock, f);
	clk_advance(p, raw);
	clk_rebase(p, raw);
	ns = clk_at(p, raw);
	x = (s64)(raw - p->raw0) < 0 ? 0 : p->frac0;
	spin_unlock_irqrestore(&p->lock, f);
	*ps = (u32)((x * 1000) >> 60);
	return ns;
}

static struct pv_port *approx_of(struct pv_port *p)
{
	s64 number = p->par[P_approx];

	return number && number <= pairs * 2 ? ports[number - 1] : NULL;
}

static u64 clk_stamp_by(struct pv_port *by, struct pv_port *p, u64 raw, int lat)
{
	u64 ns = clk_read(by, raw) + p->par[lat], q = ns;

	return ns - do_div(q, (u32)p->par[P_ts_quantum_ns]);
}

static u64 clk_stamp(struct pv_port *p, u64 raw, int lat)	/* of a frame */
{
	struct pv_port *other = p->by_approx ? approx_of(p) : NULL;

	return clk_stamp_by(other ? other : p, p, raw, lat);
}

/* ---- edges: PPS, periodic output, external stamps ---- */
static void edge_arm(struct pv_edge *e, bool again)	/* lock held; again: the clock was stepped */
{
	u64 now, raw = ktime_get_raw_ns();
	s64 d;

	if (!e->on || !e->p->rate)	/* off or frozen */
		return;
	now = clk_at(e->p, raw);
	if (again || !e->next || e->next + e->period < now)
		e->next = now < e->start ? e->start :
			  e->start + (div64_u64(now - e->start, e->period) + 1) * e->period;
	d = clamp_t(s64, e->next - now, 0, NSEC_PER_SEC);
	d -= (s64)(((__int128)d * (s64)(e->p->rate - ONE)) >> 60);
	hrtimer_start(&e->timer, ns_to_ktime(max_t(s64, d, 0)), HRTIMER_MODE_REL);
}

static void clk_changed(struct pv_port *p, bool step)	/* lock held */
{
	edge_arm(&p->pps, step);
	edge_arm(&p->perout, step);
	edge_arm(&p->fall, step);
}

static enum hrtimer_restart edge_fire(struct hrtimer *t)
{
	struct pv_edge *e = container_of(t, struct pv_edge, timer);
	struct pv_port *p = e->p, *peer = p->peer;
	struct ptp_clock_event ev = { .index = 0 };
	struct system_time_snapshot s;
	struct ptp_clock *ptp;
	unsigned long f;
	u64 now, edge;
	s64 late;

	spin_lock_irqsave(&p->lock, f);
	pv_snapshot(&s);
	clk_advance(p, ktime_to_ns(s.snap_raw));
	now = clk_at(p, ktime_to_ns(s.snap_raw));
	late = now - e->next;
	if (!e->on || !p->rate || late < 0) {	/* too early: the clock was slowed */
		edge_arm(e, false);
		spin_unlock_irqrestore(&p->lock, f);
		return HRTIMER_NORESTART;
	}
	late -= (s64)(((__int128)late * (s64)(p->rate - ONE)) >> 60);
	e->next += e->period;
	p->stat[S_EDGE]++;
	edge_arm(e, false);
	spin_unlock_irqrestore(&p->lock, f);

	edge = ktime_to_ns(s.snap_raw) - late;		/* when the edge really was, raw time */
	if (e == &p->pps) {
		ev.type = p->par[P_pps_irq] ? PTP_CLOCK_PPS : PTP_CLOCK_PPSUSR;
		if (p->par[P_pps_jitter_ns])
			late -= expo(&p->rnd[R_PPS], p->par[P_pps_jitter_ns]);
		ev.pps_times.ts_real = ktime_to_timespec64(ktime_sub_ns(s.snap_real, late));
#ifdef CONFIG_NTP_PPS
		ev.pps_times.ts_raw = ktime_to_timespec64(ktime_sub_ns(s.snap_raw, late));
#endif
		ptp_clock_event(p->ptp, &ev);
	} else if (READ_ONCE(peer->extts) & (e == &p->fall ? PTP_FALLING_EDGE : PTP_RISING_EDGE)) {	/* output wired to the peer's input */
		ptp = READ_ONCE(peer->ptp);
		if (!ptp)
			return HRTIMER_NORESTART;
		ev.type = PTP_CLOCK_EXTTS;
		ev.timestamp = clk_stamp_by(peer, peer, edge, P_rx_lat_ns);
		ptp_clock_event(ptp, &ev);
	}
	return HRTIMER_NORESTART;
}

static void edge_set(struct pv_edge *e, bool on, u64 start, u64 period)
{
	unsigned long f;

	spin_lock_irqsave(&e->p->lock, f);
	e->on = on;
	e->start = start;
	e->period = period;
	edge_arm(e, true);
	spin_unlock_irqrestore(&e->p->lock, f);
	if (!on)
		hrtimer_cancel(&e->timer);
}

/* ---- PTP clock operations ---- */
#define PORT(i) container_of(i, struct pv_port, info)

static int pv_adjfine(struct ptp_clock_info *i, long scaled_ppm)
{
	struct pv_port *p = PORT(i);
	s64 q = ppt_to_q60(p->par[P_adj_quantum_ppt]), a;
	unsigned long f;
	u64 raw;

	if (p->par[P_ioerr])
		return -p->par[P_ioerr];
	a = ((__int128)scaled_ppm * 18446744073709LL) >> 20;	/* 2^64 / 10^6 */
	if (q)
		a = div64_s64(p->par[P_adj_trunc] ? a : a + (a < 0 ? -q : q) / 2, q) * q;
	spin_lock_irqsave(&p->lock, f);
	raw = ktime_get_raw_ns();
	clk_advance(p, raw);
	clk_rebase(p, raw);
	p->adj = a;
	clk_set_rate(p);
	p->stat[S_ADJFINE]++;
	clk_changed(p, false);
	spin_unlock_irqrestore(&p->lock, f);
	return 0;
}

static void clk_step(struct pv_port *p, s64 delta, bool set)
{
	unsigned long f;
	u64 raw;

	spin_lock_irqsave(&p->lock, f);
	raw = ktime_get_raw_ns();
	clk_advance(p, raw);
	clk_rebase(p, raw);
	p->ns0 = set ? delta : p->ns0 + delta;
	if (set)
		p->frac0 = 0;
	p->stat[S_STEP]++;
	clk_changed(p, true);
	spin_unlock_irqrestore(&p->lock, f);
}

static int pv_adjtime(struct ptp_clock_info *i, s64 delta)
{
	if (PORT(i)->par[P_ioerr])
		return -PORT(i)->par[P_ioerr];
	clk_step(PORT(i), delta, false);
	return 0;
}

static int pv_settime(struct ptp_clock_info *i, const struct timespec64 *ts)
{
	if (PORT(i)->par[P_ioerr])
		return -PORT(i)->par[P_ioerr];
	clk_step(PORT(i), timespec64_to_ns(ts), true);
	return 0;
}

static int pv_gettimex(struct ptp_clock_info *i, struct timespec64 *ts, struct ptp_system_timestamp *sts)
{
	struct pv_port *p = PORT(i);
	unsigned long f;
	u64 raw;

	if (p->par[P_ioerr])
		return -p->par[P_ioerr];
	if (sts && !p->par[P_extended])		/* as a driver without gettimex64 */
		return -EOPNOTSUPP;
	spin_lock_irqsave(&p->lock, f);
	ptp_read_system_prets(sts);
	if (p->par[P_read_pre_ns])
		ndelay(p->par[P_read_pre_ns]);
	asm volatile(".rept " PAD_BEFORE "; nop; .endr");
	raw = ktime_get_raw_ns();
	asm volatile(".rept " PAD_BEHIND "; nop; .endr");
	if (p->par[P_read_post_ns])
		ndelay(p->par[P_read_post_ns]);
	ptp_read_system_postts(sts);
	clk_advance(p, raw);
	*ts = ns_to_timespec64(clk_at(p, raw));
	spin_unlock_irqrestore(&p->lock, f);
	return 0;
}

/* Honest: the snapshot is one clocksource read, seen as raw and as real time, and the PHC is a function of raw. */
static int pv_crosststamp(struct ptp_clock_info *i, struct system_device_crosststamp *x)
{
	struct pv_port *p = PORT(i);
	struct system_time_snapshot s;

	if (p->par[P_ioerr] || !p->par[P_cross])
		return p->par[P_ioerr] ? -p->par[P_ioerr] : -EOPNOTSUPP;
	if (p->par[P_cross] == 2)
		return -EAGAIN;
	pv_snapshot(&s);
	x->device = ns_to_ktime(clk_read(p, ktime_to_ns(s.snap_raw)) + p->par[P_cross_err_ns]);
	x->sys_realtime = s.snap_real;
	x->sys_monoraw = s.snap_raw;
	return 0;
}

/* SDP0 is the input and SDP1 the output of channel 0, where somebody says so */
static int pv_verify(struct ptp_clock_info *i, unsigned int pin, enum ptp_pin_function func, unsigned int chan)
{
	return func == PTP_PF_NONE || (!chan && func == (pin ? PTP_PF_PEROUT : PTP_PF_EXTTS)) ? 0 : -EOPNOTSUPP;
}

static int pv_enable(struct ptp_clock_info *i, struct ptp_clock_request *rq, int on)
{
	struct pv_port *p = PORT(i);
	struct ptp_perout_request *o = &rq->perout;
	unsigned int edges = rq->extts.flags & PTP_EXTTS_EDGES, able = p->par[P_extts_edges];
	u64 period, start;

	switch (rq->type) {
	case PTP_CLK_REQ_PPS:
		edge_set(&p->pps, on, 0, NSEC_PER_SEC);
		return 0;
	case PTP_CLK_REQ_EXTTS:
		if (rq->extts.index)
			return -EINVAL;
		if (on && ptp_find_pin(p->ptp, PTP_PF_EXTTS, 0) < 0)
			return -EBUSY;
		if (on && (rq->extts.flags & PTP_STRICT_FLAGS) &&
		    ((edges & PTP_FALLING_EDGE && !able) || (edges != PTP_EXTTS_EDGES && able == 2)))
			return -EOPNOTSUPP;
		if (!edges)
			edges = PTP_RISING_EDGE;
		WRITE_ONCE(p->extts, !on ? 0 : able == 2 ? PTP_EXTTS_EDGES : able ? edges : PTP_RISING_EDGE);
		return 0;
	case PTP_CLK_REQ_PEROUT:
		if (o->index || o->flags)
			return o->index ? -EINVAL : -EOPNOTSUPP;
		period = o->period.sec * NSEC_PER_SEC + o->period.nsec;
		if (on && period < 10 * NSEC_PER_USEC)
			return -ERANGE;
		start = o->start.sec * NSEC_PER_SEC + o->start.nsec;
		edge_set(&p->perout, on, start, period);
		edge_set(&p->fall, on, start + p->par[P_perout_width_ns], period);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* ---- wire ---- */
static bool pv_wants_rxts(struct pv_port *p, struct sk_buff *skb)	/* skb->data at the MAC header */
{
	struct ptp_header *h;
	unsigned int type;

	if (p->cfg.rx_filter == HWTSTAMP_FILTER_NONE || p->par[P_rx_lie] == 1 || !READ_ONCE(p->ptp))
		return false;
	if (p->cfg.rx_filter == HWTSTAMP_FILTER_ALL && !p->par[P_rx_lie])
		return true;
	type = ptp_classify_raw(skb);
	if (type == PTP_CLASS_NONE || (type & PTP_CLASS_VMASK) != PTP_CLASS_V2)
		return false;
	h = ptp_parse_header(skb, type);
	return h && (h->tsmt & 0xf) < 4;		/* event messages */
}

static void pv_txts(struct pv_port *p, struct sk_buff *skb, u64 t0)	/* consumes skb */
{
	struct skb_shared_hwtstamps h = { .hwtstamp = ns_to_ktime(clk_stamp(p, t0, P_tx_lat_ns)) };

	p->stat[S_TXTS]++;
	skb_tstamp_tx(skb, &h);
	dev_consume_skb_any(skb);
}

/* as the KSZ switches: what the answer to a Pdelay_Req takes is found by subtraction here, and addition where that leaves */
static void pv_onestep_receipt(struct pv_port *p, struct sk_buff *skb, u64 stamp)
{
	unsigned int type = p->cfg.tx_type == HWTSTAMP_TX_ONESTEP_P2P ? ptp_classify_raw(skb) : PTP_CLASS_NONE;
	struct ptp_header *h = type == PTP_CLASS_NONE ? NULL : ptp_parse_header(skb, type);

	if (h && (h->tsmt & 0xf) == 2)
		put_unaligned_be64(get_unaligned_be64(&h->correction) - (stamp << 16), &h->correction);
}

static void pv_receive(struct pv_port *p, struct sk_buff *skb, u64 arrival)
{
	struct net_device *dev = READ_ONCE(p->dev);
	u64 stamp;

	if (!dev || !netif_running(dev) || !netif_carrier_ok(dev)) {
		if (dev)
			dev->stats.rx_dropped++;
		kfree_skb(skb);
		return;
	}
	skb->dev = dev;
	skb_reset_mac_header(skb);
	if (pv_wants_rxts(p, skb)) {
		if (hit(p, R_RXTS, P_rxts_loss_ppm)) {
			p->stat[S_RXTS_LOST]++;
		} else {
			stamp = clk_stamp(p, arrival, P_rx_lat_ns);
			skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(stamp);
			pv_onestep_receipt(p, skb, stamp);
			p->stat[S_RXTS]++;
		}
	}
	dev->stats.rx_packets++;
	dev->stats.rx_bytes += skb->len;
	memset(skb->cb, 0, sizeof(skb->cb));
	skb_scrub_packet(skb, true);
	skb->protocol = eth_type_trans(skb, dev);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb_queue_tail(&p->rxq, skb);
	napi_schedule(&p->napi);
}

static int pv_poll(struct napi_struct *napi, int budget)
{
	struct pv_port *p = container_of(napi, struct pv_port, napi);
	struct sk_buff *skb;
	int done = 0;

	while (done < budget && (skb = skb_dequeue(&p->rxq))) {
		napi_gro_receive(napi, skb);
		done++;
	}
	if (done < budget && napi_complete_done(napi, done) && !skb_queue_empty(&p->rxq))
		napi_schedule(napi);
	return done;
}

static void pv_queue(struct pv_port *p, struct sk_buff *skb, u64 t0, u64 due, bool txts)	/* qlock held */
{
	struct sk_buff *at;

	*PV_CB(skb) = (struct pv_cb){ .due = due, .t0 = t0, .txts = txts };
	skb_queue_reverse_walk(&p->q, at)
		if (PV_CB(at)->due <= due)
			break;
	__skb_queue_after(&p->q, at, skb);
	if (skb_peek(&p->q) == skb)
		hrtimer_start(&p->qtimer, ns_to_ktime(max_t(s64, due - ktime_get_raw_ns(), 0)),
			      HRTIMER_MODE_REL_SOFT);
}

static enum hrtimer_restart pv_qtimer(struct hrtimer *t)
{
	struct pv_port *p = container_of(t, struct pv_port, qtimer);
	struct sk_buff *skb;
	struct pv_cb cb;
	s64 d;

	for (;;) {
		spin_lock(&p->qlock);
		skb = skb_peek(&p->q);
		if (!skb)
			break;
		d = PV_CB(skb)->due - ktime_get_raw_ns();
		if (d > 0) {		/* the timer runs on CLOCK_MONOTONIC, we on raw time */
			hrtimer_start(t, ns_to_ktime(d), HRTIMER_MODE_REL_SOFT);
			break;
		}
		__skb_unlink(skb, &p->q);
		cb = *PV_CB(skb);
		p->txts_pending -= cb.txts;
		spin_unlock(&p->qlock);
		if (cb.txts)
			pv_txts(p, skb, cb.t0);
		else
			pv_receive(p->peer, skb, cb.due);
	}
	spin_unlock(&p->qlock);
	return HRTIMER_NORESTART;
}

/* the header of what is written into as it leaves: a Sync without twoStepFlag, and with ONESTEP_P2P a Pdelay_Resp without it */
static struct ptp_header *pv_onestep_header(struct pv_port *p, struct sk_buff *skb)
{
	int tx_type = p->cfg.tx_type;
	bool on = (tx_type == HWTSTAMP_TX_ONESTEP_SYNC || tx_type == HWTSTAMP_TX_ONESTEP_P2P) && READ_ONCE(p->ptp);
	unsigned int type = on ? ptp_classify_raw(skb) : PTP_CLASS_NONE;
	struct ptp_header *h = type == PTP_CLASS_NONE ? NULL : ptp_parse_header(skb, type);
	int message = h ? h->tsmt & 0xf : -1;

	if (!h || (h->flag_field[0] & 2) || (u8 *)(h + 1) + 10 > skb_tail_pointer(skb))
		return NULL;
	return !message || (message == 3 && tx_type == HWTSTAMP_TX_ONESTEP_P2P) ? h : NULL;
}

/* receivers here do not look at UDP checksums: it stays that of the message as it was */
static void pv_onestep(struct pv_port *p, struct sk_buff *skb, u64 t0)
{
	struct ptp_header *h = pv_onestep_header(p, skb);
	u8 *origin = (u8 *)(h + 1);
	u64 s = clk_stamp(p, t0, P_tx_lat_ns);
	u32 ns;

	if (!h)
		return;
	p->stat[S_ONESTEP]++;
	if (h->tsmt & 0xf) {
		put_unaligned_be64(get_unaligned_be64(&h->correction) + (s << 16), &h->correction);
		return;
	}
	ns = do_div(s, NSEC_PER_SEC);
	put_unaligned_be16(s >> 32, origin);
	put_unaligned_be32(s, origin + 2);
	put_unaligned_be32(ns, origin + 6);
}

static netdev_tx_t pv_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct pv_port *p = PV(dev);
	bool onestep = pv_onestep_header(p, skb);
	bool stamp = (skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP) && p->cfg.tx_type != HWTSTAMP_TX_OFF &&
		     !onestep && READ_ONCE(p->ptp);
	u64 due, t0, late = p->par[P_txts_delay_us] * NSEC_PER_USEC;
	struct sk_buff *n;

	dev->stats.tx_packets++;
	dev->stats.tx_bytes += skb->len;
	spin_lock_bh(&p->qlock);
	if (stamp && p->par[P_txts_slots] && p->txts_pending >= p->par[P_txts_slots]) {
		p->stat[S_TXTS_SKIP]++;
		stamp = false;
	}
	if (stamp)
		skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
	skb_tx_timestamp(skb);
	t0 = ktime_get_raw_ns();	/* after the software stamp: chrony rejects a hardware stamp before it */
	if (stamp && hit(p, R_TXTS, P_txts_loss_ppm)) {
		p->stat[S_TXTS_LOST]++;
		stamp = false;
	}
	n = NULL;
	if (hit(p, R_LOSS, P_loss_ppm))
		p->stat[S_LOST]++;
	else if (skb_queue_len(&p->q) >= QLEN || !(n = skb_copy(skb, GFP_ATOMIC)))
		dev->stats.tx_dropped++;
	if (n && onestep)
		pv_onestep(p, n, t0);
	if (n) {
		due = t0 + p->par[P_delay_ns];
		if (p->par[P_jitter_ns])
			due += p->par[P_jitter_exp] ? expo(&p->rnd[R_WIRE], p->par[P_jitter_ns]) :
			       (u64)prandom_u32_state(&p->rnd[R_WIRE]) * p->par[P_jitter_ns] >> 32;
		if (p->par[P_fifo] && (s64)(due - p->last_due) < 0)
			due = p->last_due;
		p->last_due = due;
		pv_queue(p, n, t0, due, false);
	}
	if (stamp && late) {
		p->txts_pending++;
		pv_queue(p, skb, t0, t0 + late, true);
		skb = NULL;
	}
	spin_unlock_bh(&p->qlock);
	if (!skb)
		return NETDEV_TX_OK;
	if (stamp)
		pv_txts(p, skb, t0);
	else
		dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

/* ---- network device ---- */
static void pv_link(struct pv_port *p)	/* RTNL held */
{
	struct pv_port *ab[2] = { p, p->peer };
	bool on = true;
	int i;

	for (i = 0; i < 2; i++)
		on = on && ab[i]->dev && netif_running(ab[i]->dev) && ab[i]->par[P_link];
	for (i = 0; i < 2; i++)
		if (ab[i]->dev)
			on ? netif_carrier_on(ab[i]->dev) : netif_carrier_off(ab[i]->dev);
}

static int pv_open(struct net_device *dev)
{
	napi_enable(&PV(dev)->napi);
	netif_start_queue(dev);
	pv_link(PV(dev));
	return 0;
}

static int pv_stop(struct net_device *dev)
{
	struct pv_port *p = PV(dev);

	netif_stop_queue(dev);
	netif_carrier_off(dev);
	if (p->peer->dev)
		netif_carrier_off(p->peer->dev);
	napi_disable(&p->napi);
	skb_queue_purge(&p->rxq);
	return 0;
}

static int pv_hwtstamp(struct pv_port *p, int tx_type, int *rx_filter, bool by_approx)
{
	int caps = by_approx ? 3 : p->par[P_rx_caps];

	if (tx_type != HWTSTAMP_TX_OFF && tx_type != HWTSTAMP_TX_ON &&
	    !(tx_type == HWTSTAMP_TX_ONESTEP_SYNC && p->par[P_tx_caps] & 1) &&
	    !(tx_type == HWTSTAMP_TX_ONESTEP_P2P && p->par[P_tx_caps] & 2))
		return -ERANGE;
	switch (*rx_filter) {
	case HWTSTAMP_FILTER_NONE:
		break;
	case HWTSTAMP_FILTER_PTP_V2_L4_EVENT ... HWTSTAMP_FILTER_PTP_V2_DELAY_REQ:
		if (caps & 1) {
			*rx_filter = HWTSTAMP_FILTER_PTP_V2_EVENT;
			break;
		}
		fallthrough;
	default:
		if (!(caps & 2))
			return -ERANGE;
		*rx_filter = HWTSTAMP_FILTER_ALL;
	}
	p->cfg.tx_type = tx_type;
	p->cfg.rx_filter = *rx_filter;
	p->by_approx = by_approx;
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
static int pv_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *c)
{
	hwtstamp_config_to_kernel(c, &PV(dev)->cfg);
	return 0;
}

static int pv_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *c, struct netlink_ext_ack *ack)
{
	return pv_hwtstamp(PV(dev), c->tx_type, &c->rx_filter, asks_approx(c));
}
#else
static int pv_ioctl(struct net_device *dev, struct ifreq *ifr, int cmd)
{
	struct pv_port *p = PV(dev);
	struct hwtstamp_config c;
	int err;

	if (cmd == SIOCSHWTSTAMP) {
		if (copy_from_user(&c, ifr->ifr_data, sizeof(c)))
			return -EFAULT;
		err = pv_hwtstamp(p, c.tx_type, &c.rx_filter, false);
		if (err)
			return err;
	} else if (cmd != SIOCGHWTSTAMP) {
		return -EOPNOTSUPP;
	}
	return copy_to_user(ifr->ifr_data, &p->cfg, sizeof(p->cfg)) ? -EFAULT : 0;
}
#endif

static int pv_ts_info(struct net_device *dev, struct ethtool_ts_info *i)
{
	bool by_approx = asks_approx_info(i);
	struct pv_port *p = PV(dev), *by = by_approx ? approx_of(p) : p;
	s64 caps = by_approx ? 3 : p->par[P_rx_caps];

	if (!by || !by->ptp)
		return ethtool_op_get_ts_info(dev, i);
	i->so_timestamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
			     SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	i->phc_index = ptp_clock_index(by->ptp);
	i->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON) |
		      (p->par[P_tx_caps] & 1 ? BIT(HWTSTAMP_TX_ONESTEP_SYNC) : 0) |
		      (p->par[P_tx_caps] & 2 ? BIT(HWTSTAMP_TX_ONESTEP_P2P) : 0);
	i->rx_filters = BIT(HWTSTAMP_FILTER_NONE) |
			(caps & 1 ? BIT(HWTSTAMP_FILTER_PTP_V2_EVENT) : 0) |
			(caps & 2 ? BIT(HWTSTAMP_FILTER_ALL) : 0);
	return 0;
}

static const struct net_device_ops pv_netdev_ops = {
	.ndo_open = pv_open,
	.ndo_stop = pv_stop,
	.ndo_start_xmit = pv_xmit,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_set_mac_address = eth_mac_addr,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	.ndo_hwtstamp_get = pv_hwtstamp_get,
	.ndo_hwtstamp_set = pv_hwtstamp_set,
#else
	.ndo_eth_ioctl = pv_ioctl,
#endif
};

static int pv_ksettings(struct net_device *dev, struct ethtool_link_ksettings *k)
{
	k->base.speed = SPEED_1000;
	k->base.duplex = DUPLEX_FULL;
	return 0;
}

static const struct ethtool_ops pv_ethtool_ops = {
	QUALIFIERS
	.get_link_ksettings = pv_ksettings,
	.get_link = ethtool_op_get_link,
	.get_ts_info = pv_ts_info,
};

/* ---- the card comes and goes ---- */
static void pv_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &pv_netdev_ops;
	dev->ethtool_ops = &pv_ethtool_ops;
	dev->max_mtu = 9000;
}

static void pv_remove_phc(struct pv_port *p)
{
	struct ptp_clock *ptp = p->ptp;

	if (!ptp)
		return;
	edge_set(&p->pps, false, 0, NSEC_PER_SEC);
	edge_set(&p->perout, false, 0, NSEC_PER_SEC);
	edge_set(&p->fall, false, 0, NSEC_PER_SEC);
	WRITE_ONCE(p->extts, 0);
	rtnl_lock();
	WRITE_ONCE(p->ptp, NULL);
	rtnl_unlock();
	synchronize_net();
	ptp_clock_unregister(ptp);	/* who has it open gets ENODEV from now on, and keeps its number taken */
}

static int pv_add_phc(struct pv_port *p)
{
	struct ptp_clock *ptp;
	unsigned long f;

	if (p->ptp)
		return 0;
	spin_lock_irqsave(&p->lock, f);	/* as drivers do when they load: UTC, and no frequency */
	p->raw0 = p->tick = ktime_get_raw_ns();
	p->ns0 = ktime_get_real_ns();
	p->frac0 = p->adj = 0;
	clk_set_rate(p);
	spin_unlock_irqrestore(&p->lock, f);
	memset(&p->cfg, 0, sizeof(p->cfg));
	ptp = ptp_clock_register(&p->info, NULL);
	if (IS_ERR_OR_NULL(ptp))
		return ptp ? PTR_ERR(ptp) : -EOPNOTSUPP;
	rtnl_lock();
	WRITE_ONCE(p->ptp, ptp);
	rtnl_unlock();
	return 0;
}

static void pv_remove_netdev(struct pv_port *p)
{
	struct net_device *dev = p->dev;

	if (!dev)
		return;
	rtnl_lock();
	unregister_netdevice(dev);
	WRITE_ONCE(p->dev, NULL);
	rtnl_unlock();
	synchronize_net();
	hrtimer_cancel(&p->qtimer);
	spin_lock_bh(&p->qlock);
	__skb_queue_purge(&p->q);
	p->txts_pending = 0;
	spin_unlock_bh(&p->qlock);
	skb_queue_purge(&p->rxq);
	free_netdev(dev);
}

static int pv_add_netdev(struct pv_port *p)
{
	u8 mac[ETH_ALEN] = { 0x02, 'p', 'h', 'c', p->number >> 8, p->number };
	struct net_device *dev;
	char name[IFNAMSIZ];
	int err;

	if (p->dev)
		return 0;
	snprintf(name, sizeof(name), "phv%d", p->number);
	dev = alloc_netdev(sizeof(p), name, NET_NAME_ENUM, pv_setup);
	if (!dev)
		return -ENOMEM;
	PV(dev) = p;
	eth_hw_addr_set(dev, mac);
	netif_napi_add(dev, &p->napi, pv_poll);
	netif_carrier_off(dev);
	rtnl_lock();
	err = register_netdevice(dev);
	if (!err)
		WRITE_ONCE(p->dev, dev);
	rtnl_unlock();
	if (err)
		free_netdev(dev);
	return err;
}

static DEFINE_MUTEX(plug_lock);

static int pv_plug(struct pv_port *p, int card)
{
	int err = 0;

	mutex_lock(&plug_lock);
	if (card == 1)
		err = pv_add_phc(p);	/* first: who sees the net device finds its PHC */
	if (!err && card)
		err = pv_add_netdev(p);
	if (!card)
		pv_remove_netdev(p);
	if (card != 1)
		pv_remove_phc(p);
	if (!err)
		p->par[P_card] = card;
	mutex_unlock(&plug_lock);
	return err;
}

/* ---- debugfs ---- */
static ssize_t par_read(struct file *f, char __user *buf, size_t len, loff_t *pos)
{
	struct pv_file *pf = file_inode(f)->i_private;
	char s[24];

	return simple_read_from_buffer(buf, len, pos, s, scnprintf(s, sizeof(s), "%lld\n", pf->p->par[pf->id]));
}

static ssize_t par_write(struct file *f, const char __user *buf, size_t len, loff_t *pos)
{
	struct pv_file *pf = file_inode(f)->i_private;
	struct pv_port *p = pf->p;
	unsigned long fl;
	s64 v;
	u64 raw;
	int err = kstrtos64_from_user(buf, len, 0, &v);

	if (err)
		return err;
	if (v < params[pf->id].min || v > params[pf->id].max)
		return -ERANGE;
	if (pf->id == P_jump_ns) {
		clk_step(p, v, false);
		return len;
	}
	if (pf->id == P_card) {
		err = pv_plug(p, v);
		return err ? err : len;
	}
	spin_lock_irqsave(&p->lock, fl);
	raw = ktime_get_raw_ns();
	clk_advance(p, raw);
	clk_rebase(p, raw);
	if (pf->id == P_reset) {
		p->ns0 = p->frac0 = p->adj = 0;
		if (v == 2)
			memset(&p->cfg, 0, sizeof(p->cfg));
	} else {
		p->par[pf->id] = v;
	}
	if (pf->id == P_max_adj_ppb)
		p->info.max_adj = v ? v : max_adj;
	clk_set_rate(p);
	clk_changed(p, pf->id == P_reset);
	spin_unlock_irqrestore(&p->lock, fl);
	if (pf->id == P_link) {
		rtnl_lock();
		pv_link(p);
		rtnl_unlock();
	}
	return len;
}

static const struct file_operations par_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = par_read,
	.write = par_write,
};

static int stats_show(struct seq_file *m, void *v)
{
	struct pv_port *p = m->private;
	int i;

	for (i = 0; i < S_NR; i++)
		seq_printf(m, "%s=%llu ", stat_names[i], p->stat[i]);
	seq_printf(m, "adj_ppb=%lld adj_ppt=%lld osc_wander_ppt=%lld\n", (s64)(((__int128)p->adj * 1000000000) >> 60),
		   (s64)(((__int128)p->adj * 1000000000000LL + (ONE >> 1)) >> 60), p->wander);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* "raw real phc0 phc1 ..." in ns, all at the same instant; the PHCs with picoseconds */
static int truth_show(struct seq_file *m, void *v)
{
	struct system_time_snapshot s;
	u32 ps;
	u64 ns;
	int i;

	pv_snapshot(&s);
	seq_printf(m, "%lld %lld", ktime_to_ns(s.snap_raw), ktime_to_ns(s.snap_real));
	for (i = 0; i < pairs * 2; i++) {
		ns = clk_read_frac(ports[i], ktime_to_ns(s.snap_raw), &ps);
		seq_printf(m, " %lld.%03u", (s64)ns, ps);
	}
	seq_putc(m, '\n');
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(truth);

/* ---- set-up ---- */
static int pv_create(int i)
{
	struct pv_port *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int k;

	if (!p)
		return -ENOMEM;
	p->number = i;
	ports[i] = p;
	for (k = 0; k < P_NR; k++)
		p->par[k] = params[k].def;
	for (k = 0; k < R_NR; k++)
		prandom_seed_state(&p->rnd[k], seed * 0x9e3779b97f4a7c15ULL + i * R_NR + k + 1);
	spin_lock_init(&p->lock);
	spin_lock_init(&p->qlock);
	__skb_queue_head_init(&p->q);
	skb_queue_head_init(&p->rxq);
	p->pps.p = p->perout.p = p->fall.p = p;
	hrtimer_setup(&p->qtimer, pv_qtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	hrtimer_setup(&p->pps.timer, edge_fire, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_setup(&p->perout.timer, edge_fire, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_setup(&p->fall.timer, edge_fire, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	for (k = 0; k < 2; k++) {
		p->pins[k].index = k;
		snprintf(p->pins[k].name, sizeof(p->pins[k].name), "SDP%d", k);
	}
	p->info = (struct ptp_clock_info){
		.owner = THIS_MODULE, .max_adj = max_adj, .pps = 1, .n_ext_ts = 1, .n_per_out = 1,
		.n_pins = 2, .pin_config = p->pins, .verify = pv_verify,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
		.supported_extts_flags = PTP_EXTTS_EDGES | PTP_STRICT_FLAGS,
#endif
		.adjfine = pv_adjfine, .adjtime = pv_adjtime, .gettimex64 = pv_gettimex, .settime64 = pv_settime,
		.getcrosststamp = pv_crosststamp, .enable = pv_enable,
	};
	snprintf(p->info.name, sizeof(p->info.name), "phcveth%d", i);
	return 0;
}

static int pv_register(struct pv_port *p)
{
	struct dentry *d;
	char name[IFNAMSIZ];
	int k, err = pv_plug(p, 1);

	if (err)
		return err;
	snprintf(name, sizeof(name), "phv%d", p->number);
	d = debugfs_create_dir(name, dbg);
	debugfs_create_file("stats", 0444, d, p, &stats_fops);
	for (k = 0; k < P_NR; k++) {
		p->file[k] = (struct pv_file){ p, k };
		debugfs_create_file(params[k].name, 0644, d, &p->file[k], &par_fops);
	}
	return 0;
}

static void pv_destroy_all(void)
{
	int i, n = pairs * 2;

	debugfs_remove_recursive(dbg);
	for (i = 0; i < n; i++)
		if (ports[i])
			pv_plug(ports[i], 0);
	for (i = 0; i < n; i++)
		kfree(ports[i]);
	kfree(ports);
}

static int __init pv_init(void)
{
	int i, err = 0;

	if (pairs < 1 || pairs > 32)
		return -EINVAL;
	ports = kcalloc(pairs * 2, sizeof(*ports), GFP_KERNEL);
	if (!ports)
		return -ENOMEM;
	dbg = debugfs_create_dir("phcveth", NULL);
	debugfs_create_file("truth", 0444, dbg, NULL, &truth_fops);
	for (i = 0; !err && i < pairs * 2; i++)
		err = pv_create(i);
	for (i = 0; !err && i < pairs * 2; i++)
		ports[i]->peer = ports[i ^ 1];
	for (i = 0; !err && i < pairs * 2; i++)
		err = pv_register(ports[i]);
	if (err)
		pv_destroy_all();
	return err;
}

static void __exit pv_exit(void)
{
	pv_destroy_all();
}

module_init(pv_init);
module_exit(pv_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("virtual Ethernet port pairs with PTP hardware clocks, for tests");
