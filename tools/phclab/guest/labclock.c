/* SPDX-License-Identifier: Apache-2.0 */
/*
 * labclock: sets and questions the clocks of a guest of the lab, and of nothing else.
 *
 *   labclock reset        the kernel's clock as after boot: no frequency, no leap second, no TAI, unsynchronised
 *   labclock cross DEV    each way to cross-timestamp a PHC with CLOCK_REALTIME, one line each:
 *                         NAME WINDOW_NS REAL_NS PHC_NS    or    NAME errno N
 *   labclock adjfine DEV SCALED_PPM
 *   labclock rate SCALED_PPM TICK_US    CLOCK_REALTIME's, as a program that steers it too would set it
 *   labclock shift SECONDS              CLOCK_REALTIME, as `date -s` would
 *
 * It refuses to work without the lab's word on the kernel command line. Exit code: 0, 1 (failed), 2 (refused).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_OF(fd) ((clockid_t)((((unsigned int)~(fd)) << 3) | 3))
#define READINGS 10

static int is_guest(void)
{
	char words[4096] = " ";
	FILE *file = fopen("/proc/cmdline", "r");

	if (!file)
		return 0;
	if (!fgets(words + 1, sizeof(words) - 2, file))
		words[1] = 0;
	fclose(file);
	words[strcspn(words, "\n")] = ' ';
	return strstr(words, " phclab ") != NULL;
}

static int reset(void)
{
	struct timex off = { .modes = ADJ_STATUS, .status = 0 };	/* leaves the kernel's loop, clears a leap second */
	struct timex zero = {
		.modes = ADJ_FREQUENCY | ADJ_TICK | ADJ_TAI | ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR,
		.status = STA_UNSYNC, .tick = 10000, .maxerror = 16000000, .esterror = 16000000,
	};
	struct timex slew = { .modes = ADJ_OFFSET_SINGLESHOT };		/* ends adjtime() */

	if (clock_adjtime(CLOCK_REALTIME, &off) < 0 || clock_adjtime(CLOCK_REALTIME, &zero) < 0 ||
	    clock_adjtime(CLOCK_REALTIME, &slew) < 0) {
		perror("clock_adjtime");
		return 1;
	}
	return 0;
}

static long long ns(const struct ptp_clock_time *t)
{
	return t->sec * 1000000000LL + t->nsec;
}

/* Prints the narrowest of readings of system time, PHC, system time. */
static void narrowest(const char *name, long long (*reading)[3], int count)
{
	int best = 0;

	for (int i = 1; i < count; i++)
		if (reading[i][2] - reading[i][0] < reading[best][2] - reading[best][0])
			best = i;
	printf("%s %lld %lld %lld\n", name, reading[best][2] - reading[best][0],
	       (reading[best][0] + reading[best][2]) / 2, reading[best][1]);
}

static int cross(int fd)
{
	struct ptp_sys_offset_precise precise = { 0 };
	struct ptp_sys_offset_extended extended = { .n_samples = READINGS };
	struct ptp_sys_offset basic = { .n_samples = READINGS };
	long long reading[READINGS][3];

	if (ioctl(fd, PTP_SYS_OFFSET_PRECISE, &precise))
		printf("precise errno %d\n", errno);
	else
		printf("precise 0 %lld %lld\n", ns(&precise.sys_realtime), ns(&precise.device));
	if (ioctl(fd, PTP_SYS_OFFSET_EXTENDED, &extended)) {
		printf("extended errno %d\n", errno);
	} else {
		for (int i = 0; i < READINGS; i++)
			for (int k = 0; k < 3; k++)
				reading[i][k] = ns(&extended.ts[i][k]);
		narrowest("extended", reading, READINGS);
	}
	if (ioctl(fd, PTP_SYS_OFFSET, &basic)) {
		printf("basic errno %d\n", errno);
	} else {
		for (int i = 0; i < READINGS; i++)
			for (int k = 0; k < 3; k++)
				reading[i][k] = ns(&basic.ts[2 * i + k]);
		narrowest("basic", reading, READINGS);
	}
	return 0;
}

static int adjfine(int fd, long scaled_ppm)
{
	struct timex t = { .modes = ADJ_FREQUENCY, .freq = scaled_ppm };

	if (syscall(SYS_clock_adjtime, CLOCK_OF(fd), &t) < 0) {
		printf("errno %d\n", errno);
		return 1;
	}
	return 0;
}

static int rate(long scaled_ppm, long tick)
{
	struct timex t = { .modes = ADJ_FREQUENCY | ADJ_TICK, .freq = scaled_ppm, .tick = tick };

	if (clock_adjtime(CLOCK_REALTIME, &t) < 0) {
		perror("clock_adjtime");
		return 1;
	}
	return 0;
}

static int shift(long seconds)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_sec += seconds;
	if (clock_settime(CLOCK_REALTIME, &time)) {
		perror("clock_settime");
		return 1;
	}
	clock_gettime(CLOCK_REALTIME, &time);
	printf("figure: set to %lld.%06ld\n", (long long)time.tv_sec, time.tv_nsec / 1000);
	return 0;
}

int main(int count, char **word)
{
	int fd;

	if (!is_guest()) {
		fprintf(stderr, "labclock: this is no guest of the lab; nothing was done\n");
		return 2;
	}
	if (count == 2 && !strcmp(word[1], "reset"))
		return reset();
	if (count == 4 && !strcmp(word[1], "rate"))
		return rate(atol(word[2]), atol(word[3]));
	if (count == 3 && !strcmp(word[1], "shift"))
		return shift(atol(word[2]));
	if (count < 3)
		return 2;
	fd = open(word[2], O_RDWR);
	if (fd < 0) {
		perror(word[2]);
		return 1;
	}
	if (!strcmp(word[1], "cross"))
		return cross(fd);
	if (count == 4 && !strcmp(word[1], "adjfine"))
		return adjfine(fd, atol(word[3]));
	return 2;
}
