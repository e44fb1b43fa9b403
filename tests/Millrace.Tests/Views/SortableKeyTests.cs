using System.Buffers;
using System.Text;
using CsCheck;

namespace Millrace.Tests.Views;

public class SortableKeyTests
{
    private enum Level : sbyte
    {
        Below = -1,
        Low,
        High,
    }

    [Fact]
    public void Integers_sort_by_value()
    {
        Sorts(Gen.SByte);
        Sorts(Gen.Byte);
        Sorts(Gen.Short);
        Sorts(Gen.UShort);
        Sorts(Gen.Int);
        Sorts(Gen.UInt);
        Sorts(Gen.Long);
        Sorts(Gen.ULong);
        Sorts(Gen.Select(Gen.Long, Gen.ULong, (high, low) => new Int128((ulong)high, low)));
        Sorts(Gen.Char);
        Sorts(Gen.Bool);
    }

    [Fact]
    public void Floating_point_numbers_sort_by_value()
    {
        Sorts(Gen.OneOf(Gen.Double.Special, Gen.Double));
        Sorts(Gen.OneOf(Gen.Float.Special, Gen.Float));
    }

    [Fact]
    public void Decimals_sort_by_value_whatever_their_scale()
    {
        var any = Gen.Select(
            Gen.Int,
            Gen.Int,
            Gen.Int,
            Gen.Bool,
            Gen.Byte[0, 28],
            (lo, mid, hi, negative, scale) => new decimal(lo, mid, hi, negative, scale)
        );
        var small = Gen.Select(Gen.Int[-200, 200], Gen.Byte[0, 4], (n, scale) => new decimal(Math.Abs(n), 0, 0, n < 0, scale));
        Sorts(Gen.OneOf(any, small));
        Assert.Equal(Bytes(1.0m), Bytes(1.000m));
        Assert.Equal(Bytes(0m), Bytes(-0.00m));
    }

    [Fact]
    public void Times_sort_by_instant()
    {
        Sorts(Gen.DateTimeOffset);
        Sorts(Gen.DateTime);
        Sorts(Gen.DateOnly);
        Sorts(Gen.TimeOnly);
        Sorts(Gen.TimeSpan);
        Assert.Equal(
            Bytes(new DateTimeOffset(2024, 1, 1, 12, 0, 0, TimeSpan.Zero)),
            Bytes(new DateTimeOffset(2024, 1, 1, 14, 0, 0, TimeSpan.FromHours(2)))
        );
    }

    [Fact]
    public void Guids_and_enums_sort_as_they_compare()
    {
        Sorts(Gen.Guid);
        Sorts(Gen.Enum<Level>());
    }

    [Fact]
    public void Strings_sort_by_code_point_and_none_begins_another()
    {
        var text = Gen.OneOf(Gen.String["\0\u0001ab"], Gen.String["aé€😀\uffff"], Gen.String.AlphaNumeric);
        Gen.Select(text, text).Sample((x, y) => Sign(Bytes(x).AsSpan().SequenceCompareTo(Bytes(y))) == Sign(ByCodePoint(x, y)));
        Gen.Select(text, text, text, text)
            .Sample(
                (a, b, c, d) =>
                    Sign(Bytes((a, b)).AsSpan().SequenceCompareTo(Bytes((c, d))))
                    == Sign(ByCodePoint(a, c) is var first and not 0 ? first : ByCodePoint(b, d))
            );
    }

    [Fact]
    public void Null_comes_first()
    {
        Sorts(Gen.Nullable(Gen.Int));
        Sorts(Gen.Nullable(Gen.Select(Gen.SByte, Gen.Bool)));
        Assert.True(Bytes<string?>(null).AsSpan().SequenceCompareTo(Bytes("")) < 0);
    }

    [Fact]
    public void Tuples_sort_by_their_first_item_then_the_next()
    {
        Sorts(Gen.Select(Gen.Int[-2, 2], Gen.Decimal[-1m, 1m]));
        Sorts(Gen.Select(Gen.Int[-2, 2], Gen.Nullable(Gen.Byte[0, 2]), Gen.Bool));
        Sorts(Gen.Select(Gen.Bool, Gen.Bool, Gen.SByte[-1, 1], Gen.Bool));
        Sorts(Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.SByte[-1, 1], Gen.Bool));
        Sorts(Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.SByte[-1, 1], Gen.Bool, Gen.Bool));
        Sorts(Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.SByte[-1, 1], Gen.Bool, Gen.Bool, Gen.Long));
    }

    [Fact]
    public void A_type_without_an_order_is_refused_by_name()
    {
        Assert.False(SortableKey.IsSupported<Uri>());
        Assert.False(SortableKey.IsSupported<(int, object)>());
        Assert.Contains(
            "System.Uri",
            Assert.Throws<NotSupportedException>(() => Bytes(new Uri("http://a"))).Message,
            StringComparison.Ordinal
        );
    }

    private static void Sorts<T>(Gen<T> values) =>
        Gen.Select(values, values)
            .Sample((x, y) => Sign(Bytes(x).AsSpan().SequenceCompareTo(Bytes(y))) == Sign(Comparer<T>.Default.Compare(x, y)));

    private static int ByCodePoint(string x, string y)
    {
        var (xs, ys) = (x.EnumerateRunes().ToArray(), y.EnumerateRunes().ToArray());
        for (var i = 0; i < Math.Min(xs.Length, ys.Length); i++)
        {
            if (xs[i] != ys[i])
            {
                return xs[i].CompareTo(ys[i]);
            }
        }
        return xs.Length - ys.Length;
    }

    private static int Sign(int value) => Math.Sign(value);

    private static byte[] Bytes<T>(T value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        SortableKey.Write(value, buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
