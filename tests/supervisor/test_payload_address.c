/* tests/supervisor/test_payload_address.c - the forms of NOTIFY_SOCKET=. */
#include "supervisor/payload_address.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static void test_parse(void **state)
{
    char full[110] = "/", long_path[111] = "/";
    memset(full + 1, 'a', 107), full[108] = '\0';
    memset(long_path + 1, 'a', 108), long_path[109] = '\0';
    const struct {
        const char *text;
        int r, type;
        bool has_path;
        uint32_t cid, port;
    } rows[] = {
        { "/run/notify", 0, SOCK_DGRAM, true, 0, 0 },
        { "@name", 0, SOCK_DGRAM, false, 0, 0 },
        { full, 0, SOCK_DGRAM, true, 0, 0 },
        { long_path, -ENAMETOOLONG, 0, false, 0, 0 },
        { "/", -EINVAL, 0, false, 0, 0 },
        { "@", -EINVAL, 0, false, 0, 0 },
        { "", -EINVAL, 0, false, 0, 0 },
        { "relative", -EINVAL, 0, false, 0, 0 },
        { "vsock:2:1234", 0, SOCK_DGRAM, false, 2, 1234 },
        { "vsock::1234", 0, SOCK_DGRAM, false, VMADDR_CID_HOST, 1234 },
        { "vsock-stream:3:1", 0, SOCK_STREAM, false, 3, 1 },
        { "vsock-dgram:3:1", 0, SOCK_DGRAM, false, 3, 1 },
        { "vsock-seqpacket:4294967295:4294967295", 0, SOCK_SEQPACKET, false, UINT32_MAX, UINT32_MAX },
        { "vsock:2", -EINVAL, 0, false, 0, 0 },
        { "vsock:x:1", -EINVAL, 0, false, 0, 0 },
        { "vsock:2:", -EINVAL, 0, false, 0, 0 },
        { "vsock:99999999999:1", -EINVAL, 0, false, 0, 0 },
        { "vsock-raw:2:1", -EINVAL, 0, false, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct payload_address address;
        struct sockaddr_vm vm;
        print_message("  %s\n", rows[i].text);
        assert_int_equal(payload_address_parse(rows[i].text, &address), rows[i].r);
        if (rows[i].r < 0) continue;
        assert_int_equal(address.types[0], rows[i].type);
        assert_int_equal(address.has_path, rows[i].has_path);
        if (rows[i].port == 0) continue;
        memcpy(&vm, &address.address, sizeof vm);
        assert_int_equal(vm.svm_family, AF_VSOCK);
        assert_int_equal(vm.svm_cid, rows[i].cid);
        assert_int_equal(vm.svm_port, rows[i].port);
    }
}

static void test_connect(void **state)
{
    char text[64], buffer[16];
    struct payload_address address;
    struct fd fd = FD_NONE;
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    (void)state;
    int length = snprintf(text, sizeof text, "@container-init-test-notify-%d", (int)getpid());
    assert_int_equal(payload_address_parse(text, &address), 0);
    assert_int_equal(payload_address_connect(&address, &fd), -ECONNREFUSED);
    memcpy(un.sun_path + 1, text + 1, (size_t)length - 1);
    int receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(receiver, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path)) + (socklen_t)length),
        0);
    assert_int_equal(payload_address_connect(&address, &fd), 0);
    assert_int_equal(send(fd.n, "READY=1", 7, MSG_DONTWAIT), 7);
    assert_int_equal(recv(receiver, buffer, sizeof buffer, MSG_DONTWAIT), 7);
    fd_close(&fd);
    close(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_connect) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
