#include "pid1/leave.h"

#include <linux/reboot.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pid1/boot.h"

/* PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h: part of its ABI, since checkpoints rely on it. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU

bool pid1_is_machines(void)
{
    struct stat st;
    return pid1_is_init() && stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == INITIAL_PID_NAMESPACE;
}

int pid1_leave(enum pid1_goal goal, const char *argument, int exit_code)
{
    static const int commands[PID1_GOAL_COUNT] = {
        [PID1_EXIT] = RB_POWER_OFF,  [PID1_HALT] = (int)RB_HALT_SYSTEM, [PID1_POWEROFF] = RB_POWER_OFF,
        [PID1_REBOOT] = RB_AUTOBOOT, [PID1_KEXEC] = RB_KEXEC,
    };
    bool restart = goal == PID1_REBOOT || goal == PID1_KEXEC;
    if (pid1_is_machines()) {
        sync();
        if (goal == PID1_REBOOT && argument) /* refused: without it */
            (void)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, argument);
        (void)reboot(commands[goal]);                       /* refused: the next best */
        (void)reboot(restart ? RB_AUTOBOOT : RB_POWER_OFF); /* likewise: then the kernel will complain */
        return exit_code;
    }
    if (!restart) return exit_code;
    if (pid1_is_init()) (void)reboot(RB_AUTOBOOT); /* EPERM without CAP_SYS_BOOT */
    return EXIT_RESTART;
}
