#include "lib/sshkey/der.h"

bool der_take(struct sv *rest, uint8_t tag, struct sv *ret)
{
        if (rest->n < 2 || (uint8_t)rest->p[0] != tag)
                return false;
        size_t size = (uint8_t)rest->p[1];
        size_t head = 2;
        if (size & 0x80) {
                size_t width = size & 0x7f;
                if (width == 0 || width > 4 || rest->n < 2 + width)
                        return false;
                size = 0;
                for (size_t i = 0; i < width; i++)
                        size = size << 8 | (uint8_t)rest->p[2 + i];
                head += width;
        }
        if (size > rest->n - head)
                return false;
        *ret = sv_n(rest->p + head, size);
        *rest = sv_n(rest->p + head + size, rest->n - head - size);
        return true;
}

bool der_bits(struct sv *rest, uint8_t tag, struct sv *ret)
{
        struct sv value;
        if (!der_take(rest, tag, &value) || value.n == 0 || value.p[0] != 0)
                return false;
        *ret = sv_n(value.p + 1, value.n - 1);
        return true;
}
