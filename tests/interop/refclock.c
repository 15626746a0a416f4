/*
 * A reference clock for the tests: writes samples of CLOCK_REALTIME, which it never sets, as gpsd does.
 *
 *   refclock shm UNIT     into shared memory of ntpd's layout, eight times a second, 30 us of noise, precision 2^-15 s
 *   refclock sock PATH    to a socket of chrony's layout, ten times a second, 30 us of noise
 *
 * Now and then a sample is spoiled, so that whoever reads must find it out: in shared memory for a second out of four the
 * segment is overwritten all the time, with nonsense between two whole samples; to a socket every eighth datagram is wrong.
 * Written from the published layouts, and by the C compiler of this machine: the reader has neither.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct shmTime {
	int mode;
	volatile int count;
	time_t clockTimeStampSec;
	int clockTimeStampUSec;
	time_t receiveTimeStampSec;
	int receiveTimeStampUSec;
	int leap;
	int precision;
	int nsamples;
	volatile int valid;
	unsigned clockTimeStampNSec;
	unsigned receiveTimeStampNSec;
	int dummy[8];
};

struct sock_sample {
	struct timeval tv;
	double offset;
	int pulse;
	int leap;
	int _pad;
	int magic;
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static void rest(long milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* Nanoseconds, evenly between -30 us and 30 us. */
static long noise(void)
{
	return random() % 60001 - 30000;
}

static struct timespec moved(struct timespec time, long nanoseconds)
{
	time.tv_nsec += nanoseconds;
	if (time.tv_nsec < 0) {
		time.tv_nsec += 1000000000;
		time.tv_sec--;
	} else if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

static void put(volatile struct shmTime *shm)
{
	struct timespec now, said;

	shm->valid = 0;
	shm->count++;
	__sync_synchronize();
	/* What a reader must never take for a time. */
	shm->clockTimeStampSec = 4102444800;
	shm->receiveTimeStampUSec = 7;
	clock_gettime(CLOCK_REALTIME, &now);
	said = moved(now, noise());
	shm->clockTimeStampSec = said.tv_sec;
	shm->clockTimeStampUSec = said.tv_nsec / 1000;
	shm->clockTimeStampNSec = said.tv_nsec;
	shm->receiveTimeStampSec = now.tv_sec;
	shm->receiveTimeStampUSec = now.tv_nsec / 1000;
	shm->receiveTimeStampNSec = now.tv_nsec;
	shm->leap = 0;
	shm->precision = -15;
	__sync_synchronize();
	shm->count++;
	shm->valid = 1;
}

static int write_shm(int unit)
{
	int segment = shmget(0x4e545030 + unit, sizeof(struct shmTime), IPC_CREAT | IPC_EXCL | 0600);
	struct shmTime *shm;
	int round;

	if (segment < 0 || (shm = shmat(segment, NULL, 0)) == (void *)-1) {
		perror("shared memory");
		return 1;
	}
	memset(shm, 0, sizeof *shm);
	shm->mode = 1;
	for (round = 0; !ended; round++) {
		if (round % 24 == 0) {
			struct timespec began, now;

			clock_gettime(CLOCK_MONOTONIC, &began);
			do {
				int n;

				for (n = 0; n < 200; n++)
					put(shm);
				clock_gettime(CLOCK_MONOTONIC, &now);
			} while ((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000 < 1000);
		} else {
			put(shm);
			rest(125);
		}
	}
	shmdt(shm);
	shmctl(segment, IPC_RMID, NULL);
	return 0;
}

static int write_sock(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	int round;

	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	for (round = 0; !ended; round++) {
		struct sock_sample sample = { .magic = 0x534f434b };
		struct timespec now;
		size_t length = sizeof sample;

		clock_gettime(CLOCK_REALTIME, &now);
		sample.tv.tv_sec = now.tv_sec;
		sample.tv.tv_usec = now.tv_nsec / 1000;
		sample.offset = (now.tv_nsec % 1000 + noise()) * 1e-9;
		switch (round % 40) {
		case 7: sample.magic = 0; break;
		case 15: length -= 8; break;
		case 23: sample.tv.tv_usec = 2000000; break;
		case 31: sample.leap = 3; break;
		case 39: sample.tv.tv_sec -= 3600; break;
		}
		/* Nobody may be there yet. */
		sendto(fd, &sample, length, 0, (struct sockaddr *)&address, sizeof address);
		rest(100);
	}
	return 0;
}

int main(int count, char **arguments)
{
	signal(SIGTERM, end);
	if (count == 3 && !strcmp(arguments[1], "shm"))
		return write_shm(atoi(arguments[2]));
	if (count == 3 && !strcmp(arguments[1], "sock"))
		return write_sock(arguments[2]);
	fprintf(stderr, "usage: refclock shm UNIT | sock PATH\n");
	return 2;
}
