/* For LD_PRELOAD: a daemon that insists on a clock of its own gets one that it can read and not set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/timex.h>
#include <time.h>

static int look(clockid_t clock, struct timex *request)
{
	int (*real)(clockid_t, struct timex *) = (int (*)(clockid_t, struct timex *))dlsym(RTLD_NEXT, "clock_adjtime");
	unsigned int modes = request->modes;

	request->modes = 0;
	int state = real(clock, request);
	request->modes = modes;
	return state;
}

int clock_adjtime(clockid_t clock, struct timex *request) { return look(clock, request); }
int ntp_adjtime(struct timex *request) { return look(CLOCK_REALTIME, request); }
int adjtimex(struct timex *request) { return look(CLOCK_REALTIME, request); }

int clock_settime(clockid_t clock, const struct timespec *time)
{
	(void)clock;
	(void)time;
	return 0;
}
