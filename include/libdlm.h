/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdlm: cluster-wide locks for programs.
 *
 * Names, values and layouts are those of the Linux dlm suite's library (libdlm.so.3 and
 * libdlm_lt.so.3), so that programs built for the one run with the other. What is new here is
 * marked "udlm".
 *
 * Link with -ldlm, which can run a thread that takes completions in, or with -ldlm_lt, which never
 * starts one. The functions of the first that the second lacks are declared only with _REENTRANT
 * (compile with -pthread).
 */
#ifndef UDLM_LIBDLM_H
#define UDLM_LIBDLM_H

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A library older than the kernel's own headers might meet these names there too. */
#ifndef BUILDING_LIBDLM

#define DLM_LOCKSPACE_LEN  64 /* longest name of a lockspace, without its final NUL */
#define DLM_RESNAME_MAXLEN 64 /* longest name of a resource; any bytes */

/* Flags of dlm_new_lockspace(). */
#define DLM_LSFL_TIMEWARN 0x00000002
#define DLM_LSFL_FS       0x00000004
#define DLM_LSFL_NEWEXCL  0x00000008 /* fail with EEXIST where this node has it already */

/* dlm_lksb.sb_flags */
#define DLM_SBF_DEMOTED     0x01 /* CONVDEADLK: the granted mode was lowered to NL on the way */
#define DLM_SBF_VALNOTVALID 0x02 /* the value block may not be what was written last */
#define DLM_SBF_ALTMODE     0x04 /* ALTPR or ALTCW: granted in the other mode */

#endif /* BUILDING_LIBDLM */

#define DLM_LVB_LEN 32 /* bytes of a value block */

/* Modes, from weakest to strongest. */
#define LKM_NLMODE 0 /* null: holds nothing, keeps its place */
#define LKM_CRMODE 1 /* concurrent read */
#define LKM_CWMODE 2 /* concurrent write */
#define LKM_PRMODE 3 /* protected read */
#define LKM_PWMODE 4 /* protected write */
#define LKM_EXMODE 5 /* exclusive */

/* Flags of the lock and unlock functions. */
#define LKF_NOQUEUE     0x00000001 /* EAGAIN rather than wait */
#define LKF_CANCEL      0x00000002 /* unlock functions: end a request that waits */
#define LKF_CONVERT     0x00000004 /* change the mode of lksb->sb_lkid */
#define LKF_VALBLK      0x00000008 /* the value block takes part */
#define LKF_QUECVT      0x00000010 /* conversion: behind the conversions that wait */
#define LKF_IVVALBLK    0x00000020 /* leaving PW or EX: mark the value block not valid */
#define LKF_CONVDEADLK  0x00000040 /* conversion deadlock: lower our own lock to NL meanwhile */
#define LKF_PERSISTENT  0x00000080 /* the lock outlives its process, as an orphan */
#define LKF_NODLCKWT    0x00000100 /* do not fail a conversion for a deadlock */
#define LKF_NODLCKBLK   0x00000200 /* no effect */
#define LKF_EXPEDITE    0x00000400 /* new NL lock: before all that wait */
#define LKF_NOQUEUEBAST 0x00000800 /* NOQUEUE: tell the holders all the same */
#define LKF_HEADQUE     0x00001000 /* wait in front of the others */
#define LKF_NOORDER     0x00002000 /* grant as soon as compatible, whatever waits */
#define LKF_ORPHAN      0x00004000 /* adopt an orphan of this node */
#define LKF_ALTPR       0x00008000 /* not grantable: try PR instead */
#define LKF_ALTCW       0x00010000 /* not grantable: try CW instead */
#define LKF_FORCEUNLOCK 0x00020000 /* unlock whatever the lock is doing */
#define LKF_TIMEOUT     0x00040000 /* no effect */
#define LKF_WAIT        0x80000000 /* return when it has completed, as the _wait functions */

/* dlm_lksb.sb_status, beside 0 and the values of errno */
#define ECANCEL 0x10001 /* cancelled; the lock is what it was before the request */
#define EUNLOCK 0x10002 /* unlocked */
#define EINPROG 0x10003 /* has not completed yet */

/**
 * struct dlm_lksb - what the library tells about a lock
 *
 * Belongs to the program and must stay where it is from the call until the request has completed,
 * and for blocking callbacks to make sense, as long as the lock is held. The library writes to it
 * from the context that runs callbacks.
 */
struct dlm_lksb {
	int sb_status;    /* 0, a positive errno, ECANCEL, EUNLOCK; EINPROG until completed */
	uint32_t sb_lkid; /* the lock, unique in the lockspace on this node */
	char sb_flags;    /* DLM_SBF_* of the last completion */
	char *sb_lvbptr;  /* DLM_LVB_LEN bytes, the program's, for LKF_VALBLK; else not used */
};

/** An open lockspace. */
typedef void *dlm_lshandle_t;

/*
 * All functions that return int return 0, or -1 with errno set. Those that take a lockspace say
 * ENOTCONN for NULL, and where the connection to the lock engine has been lost; EPERM in a process
 * that forked a child which then used the lockspace first (see dlm_open_lockspace).
 */

/**
 * dlm_kernel_version() - version of the lock engine's device interface
 * @maj, @min, @patch: filled on success
 *
 * Return: 0; -1 with ECONNREFUSED: neither a daemon nor a kernel with dlm is there; another errno
 * of connecting to it.
 */
extern int dlm_kernel_version(uint32_t *maj, uint32_t *min, uint32_t *patch);

/** dlm_library_version() - version of the device interface that the library speaks */
extern void dlm_library_version(uint32_t *maj, uint32_t *min, uint32_t *patch);

/*
 * ---- The default lockspace ----
 * The lockspace `default` is opened at the first use, and if there is none, made with mode 0600.
 */

#ifdef _REENTRANT
/**
 * lock_resource() - lock a resource of the default lockspace and wait for it
 * @resource: its name, up to its final NUL
 * @mode:     LKM_*
 * @flags:    LKF_*; with LKF_CONVERT, *@lockid is the lock to convert
 * @lockid:   filled with the id of the lock
 *
 * Starts the default lockspace's thread if nobody has. Can block as long as others hold the lock.
 * Return: 0: granted; -1: errno is what sb_status would be, or why the request was not made.
 */
extern int lock_resource(const char *resource, int mode, int flags, int *lockid);

/** unlock_resource() - give a lock of lock_resource() back and wait until that is done */
extern int unlock_resource(int lockid);
#endif

/** dlm_lock() - dlm_ls_lock() on the default lockspace */
extern int dlm_lock(uint32_t mode, struct dlm_lksb *lksb, uint32_t flags, const void *name,
	unsigned int namelen, uint32_t parent, void (*astaddr)(void *astarg), void *astarg,
	void (*bastaddr)(void *astarg), void *range);

/** dlm_unlock() - dlm_ls_unlock() on the default lockspace */
extern int dlm_unlock(uint32_t lkid, uint32_t flags, struct dlm_lksb *lksb, void *astarg);

/** dlm_lock_wait() - dlm_ls_lock_wait() on the default lockspace */
extern int dlm_lock_wait(uint32_t mode, struct dlm_lksb *lksb, uint32_t flags, const void *name,
	unsigned int namelen, uint32_t parent, void *bastarg, void (*bastaddr)(void *bastarg),
	void *range);

/** dlm_unlock_wait() - dlm_ls_unlock_wait() on the default lockspace */
extern int dlm_unlock_wait(uint32_t lkid, uint32_t flags, struct dlm_lksb *lksb);

/** dlm_get_fd() - dlm_ls_get_fd() of the default lockspace; -1 where it cannot be opened */
extern int dlm_get_fd(void);

/**
 * dlm_dispatch() - run the callbacks of everything that has arrived, without waiting
 * @fd: from dlm_get_fd() or dlm_ls_get_fd(), when poll(2) says that it is readable
 *
 * Requests that callbacks make leave together when the callbacks have returned, at the latest.
 * Callbacks may call every function of this library.
 *
 * Return: 0, also where nothing had arrived; -1 with EBADF: no descriptor of a lockspace;
 * ENOTCONN: the connection is lost (callbacks have run, the lost callback among them); EPERM.
 */
extern int dlm_dispatch(int fd);

/* ---- Lockspaces ---- */

/** dlm_create_lockspace() - dlm_new_lockspace() without flags */
extern dlm_lshandle_t dlm_create_lockspace(const char *name, mode_t mode);

/**
 * dlm_new_lockspace() - join a lockspace, or use one that this node has joined, and open it
 * @name:  1 to 64 bytes, without '/' or control characters, not beginning with '.'
 * @mode:  who may open it, as of a file; 0: 0600. Only the one that joins decides.
 * @flags: DLM_LSFL_*
 *
 * Waits until the cluster has let this node in. Needs root, or the user that the daemon runs as.
 *
 * Return: a handle, to be closed with dlm_close_lockspace() or dlm_release_lockspace(); NULL with
 * EINVAL the name; EEXIST with DLM_LSFL_NEWEXCL; EPERM or EACCES; ECONNREFUSED no lock engine
 * runs; EINTR a signal handler ran; others as the daemon says.
 */
extern dlm_lshandle_t dlm_new_lockspace(const char *name, mode_t mode, uint32_t flags);

/**
 * dlm_open_lockspace() - open a lockspace that this node has joined
 *
 * The handle may be used by all threads of the process. Its descriptors are closed by exec. After
 * fork, the process that first uses the handle with a new pid takes it over with all its locks,
 * and the other gets EPERM from then on.
 *
 * Return: a handle; NULL with ENOENT no such lockspace; EACCES its mode does not let us;
 * ECONNREFUSED no lock engine runs; others as the daemon says.
 */
extern dlm_lshandle_t dlm_open_lockspace(const char *name);

/**
 * dlm_close_lockspace() - give back a handle, the locks of which are unlocked
 *
 * PERSISTENT locks become orphans. Value blocks that a PW or EX lock guarded are marked not valid.
 * Callbacks do not run any more; the lockspace stays joined. May be called in a callback.
 */
extern int dlm_close_lockspace(dlm_lshandle_t ls);

/**
 * dlm_release_lockspace() - close the handle and leave the lockspace if nobody else has joined it
 * @name:  of the lockspace
 * @ls:    closed in any case; may be NULL (udlm)
 * @force: not 0: even with locks of other programs on it
 *
 * Return: 0; -1 with EBUSY others have locks on it and @force is 0; other errno of the daemon.
 */
extern int dlm_release_lockspace(const char *name, dlm_lshandle_t ls, int force);

/** dlm_ls_get_fd() - the descriptor to poll for input, then to be given to dlm_dispatch() */
extern int dlm_ls_get_fd(dlm_lshandle_t ls);

/**
 * dlm_ls_set_lost_callback() - udlm: be told when the right to the locks is lost
 * @callback: called once, by the thread that dispatches, after everything that waited has
 *            completed with ENOTCONN; NULL: none
 * @arg:      given to it
 *
 * When @callback returns, the program has acknowledged: by then it must have stopped everything
 * that it did under its locks. It has 2 seconds; one that does not acknowledge is terminated.
 * On a kernel lockspace nothing is ever lost this way.
 *
 * Return: 0; -1 with ENOTCONN: lost already.
 */
extern int dlm_ls_set_lost_callback(dlm_lshandle_t ls, void (*callback)(void *arg), void *arg);

/**
 * dlm_ls_set_inherit() - udlm: whether programs that this process executes keep the locks alive
 * @inherit: not 0: all descriptors of the handle stay open over exec; 0: they are closed, as at
 *           first
 *
 * The locks end when the last process that has the descriptors has ended.
 */
extern int dlm_ls_set_inherit(dlm_lshandle_t ls, int inherit);

/* ---- Locks ---- */

/**
 * dlm_ls_lock() - ask for a lock, or for another mode of one (LKF_CONVERT)
 * @mode:     LKM_*
 * @lksb:     filled with the id before the return, with the status before @astaddr is called
 * @flags:    LKF_*
 * @name:     of the resource, @namelen bytes of any value, up to 64; not used by conversions
 * @parent:   0
 * @astaddr:  called with @astarg when the request has completed
 * @bastaddr: called with @astarg when the lock, granted, blocks another; NULL: do not tell
 * @range:    NULL
 *
 * Does not wait. LKF_ORPHAN: the lock has been adopted when the call returns, and nothing is
 * called.
 *
 * Return: 0; -1 with EINVAL an argument; ENOENT no such lock of ours; EBUSY something is still in
 * progress on it; ENOSYS @range; ENOMEM. LKF_ORPHAN: ENOENT no orphan; EAGAIN one of another mode.
 */
extern int dlm_ls_lock(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *lksb,
	uint32_t flags, const void *name, unsigned int namelen, uint32_t parent,
	void (*astaddr)(void *astarg), void *astarg, void (*bastaddr)(void *astarg), void *range);

/**
 * dlm_ls_lockx() - dlm_ls_lock() with a transaction id
 * @xid:     NULL, or the id that deadlock searches group locks by
 * @timeout: NULL; not used
 */
extern int dlm_ls_lockx(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *lksb,
	uint32_t flags, const void *name, unsigned int namelen, uint32_t parent,
	void (*astaddr)(void *astarg), void *astarg, void (*bastaddr)(void *astarg), uint64_t *xid,
	uint64_t *timeout);

/**
 * dlm_ls_unlock() - give a lock up, or cancel what waits (LKF_CANCEL)
 * @lkid:   of the lock
 * @flags:  0, or of LKF_CANCEL, LKF_VALBLK, LKF_IVVALBLK, LKF_FORCEUNLOCK
 * @lksb:   gets the status: EUNLOCK or ECANCEL. With LKF_VALBLK its block is written.
 * @astarg: given to the callback of the lock; NULL: the argument that it has already
 *
 * LKF_CANCEL of a lock that waits for nothing returns 0, and no callback follows.
 *
 * Return: 0; -1 with EINVAL, ENOENT, EBUSY as of dlm_ls_lock().
 */
extern int dlm_ls_unlock(dlm_lshandle_t lockspace, uint32_t lkid, uint32_t flags,
	struct dlm_lksb *lksb, void *astarg);

/**
 * dlm_ls_lock_wait() - dlm_ls_lock() that returns when it has completed
 *
 * Where no thread takes completions in for the lockspace, this call runs the callbacks of others
 * meanwhile.
 *
 * Return: libdlm: 0, the outcome is in @lksb->sb_status. libdlm_lt: 0 where that is 0; else -1 with
 * errno = sb_status. Both: -1 where the request could not be made, or ENOTCONN, the right lost.
 */
extern int dlm_ls_lock_wait(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *lksb,
	uint32_t flags, const void *name, unsigned int namelen, uint32_t parent, void *bastarg,
	void (*bastaddr)(void *bastarg), void *range);

/** dlm_ls_unlock_wait() - dlm_ls_unlock() that returns when it has completed; EUNLOCK is success */
extern int dlm_ls_unlock_wait(
	dlm_lshandle_t lockspace, uint32_t lkid, uint32_t flags, struct dlm_lksb *lksb);

/** dlm_ls_deadlock_cancel() - cancel as dlm_ls_unlock() does; the status becomes EDEADLK */
extern int dlm_ls_deadlock_cancel(dlm_lshandle_t ls, uint32_t lkid, uint32_t flags);

/**
 * dlm_ls_purge() - drop locks of processes that have ended
 * @nodeid: 0 or this node; or another member
 * @pid:    0: all orphans of that node; the caller's: all locks of this handle, without callbacks;
 *          else the orphans that this process left
 */
extern int dlm_ls_purge(dlm_lshandle_t lockspace, int nodeid, int pid);

#ifdef _REENTRANT
/**
 * dlm_pthread_init() - start a thread that runs the default lockspace's callbacks
 * Return: 0; -1 with EEXIST it runs already; an errno of pthread_create(3) or of opening.
 */
extern int dlm_pthread_init(void);
/** dlm_ls_pthread_init() - start a thread that runs the callbacks of one lockspace */
extern int dlm_ls_pthread_init(dlm_lshandle_t lockspace);
/** dlm_pthread_cleanup() - stop the default lockspace's thread and close that lockspace */
extern int dlm_pthread_cleanup(void);
#endif

#ifdef __cplusplus
}
#endif

#endif
