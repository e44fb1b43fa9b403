using System.Buffers;

namespace Millrace;

/// <summary>
/// A decimal as bytes that sort as its value: 1.0 and 1.00 are the same. A sign byte (0 negative, 1 zero, 2 positive), then the exponent of
/// 0.d1d2d3… and its digits plus one, ended by zero; of a negative number all but the sign complemented.
/// </summary>
internal static class SortableDecimal
{
    private const int ExponentBias = 64;

    public static void Write(decimal value, IBufferWriter<byte> destination)
    {
        var span = destination.GetSpan(32);
        if (value == 0)
        {
            span[0] = 1;
            destination.Advance(1);
            return;
        }
        Span<int> parts = stackalloc int[4];
        decimal.GetBits(value, parts);
        var number = new UInt128((uint)parts[2], ((ulong)(uint)parts[1] << 32) | (uint)parts[0]);
        Span<byte> digits = stackalloc byte[29];
        var first = digits.Length;
        while (number != 0)
        {
            (number, var digit) = UInt128.DivRem(number, 10);
            digits[--first] = (byte)digit;
        }
        digits = digits[first..];
        var exponent = digits.Length - value.Scale;
        digits = digits.TrimEnd((byte)0);

        span[0] = value < 0 ? (byte)0 : (byte)2;
        span[1] = (byte)(exponent + ExponentBias);
        var length = 2;
        foreach (var digit in digits)
        {
            span[length++] = (byte)(digit + 1);
        }
        span[length++] = 0;
        if (value < 0)
        {
            foreach (ref var b in span[1..length])
            {
                b = (byte)~b;
            }
        }
        destination.Advance(length);
    }
}
