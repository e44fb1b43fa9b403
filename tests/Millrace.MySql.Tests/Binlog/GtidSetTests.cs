using Millrace.MySql.Binlog;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Tests.Binlog;

public sealed class GtidSetTests
{
    const string A = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const string B = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    [Theory]
    [InlineData("", "")]
    [InlineData($"{A}:1", $"{A}:1")]
    [InlineData($"{A}:1-5:7", $"{A}:1-5:7")]
    [InlineData($" {B}:1-3,\n{A}:5", $"{A}:5,{B}:1-3")]
    [InlineData($"{A}:3:1:2", $"{A}:1-3")]
    [InlineData($"{A}:1-3:5-9:4", $"{A}:1-9")]
    [InlineData($"{A}:10-20:5-12:1", $"{A}:1:5-20")]
    [InlineData($"{A}:1-5:blue:1-3:green:7", $"{A}:1-5:blue:1-3:green:7")]
    [InlineData($"{A}:Blue:1,{A}:2", $"{A}:2:blue:1")]
    public void A_set_is_written_in_its_shortest_form(string text, string expected) =>
        Assert.Equal(expected, GtidSet.Parse(text).ToString());

    [Theory]
    [InlineData("x")]
    [InlineData($"{A}")]
    [InlineData($"{A}:")]
    [InlineData($"{A}:0")]
    [InlineData($"{A}:5-3")]
    [InlineData($"{A}:1-")]
    public void What_is_no_set_is_refused(string text) => Assert.Throws<FormatException>(() => GtidSet.Parse(text));

    [Theory]
    [InlineData($"{A}:1-5", $"{A}:2-4", true)]
    [InlineData($"{A}:1-5", $"{A}:2-6", false)]
    [InlineData($"{A}:1-2:4-5", $"{A}:1-5", false)]
    [InlineData($"{A}:1-5,{B}:1", $"{B}:1", true)]
    [InlineData($"{A}:1-5", $"{B}:1", false)]
    [InlineData($"{A}:1-5", $"{A}:x:1", false)]
    [InlineData($"{A}:1", "", true)]
    public void A_set_contains_another_when_each_of_its_transactions_is_there(string set, string other, bool contained) =>
        Assert.Equal(contained, GtidSet.Parse(set).Contains(GtidSet.Parse(other)));

    [Theory]
    [InlineData("")]
    [InlineData($"{A}:1-5:7,{B}:9")]
    [InlineData($"{A}:1-5:blue:1-3,{B}:9")]
    public void A_set_survives_the_wire(string text)
    {
        var writer = new PayloadWriter();
        GtidSet.Parse(text).Write(writer);
        Assert.Equal(text, GtidSet.Read(writer.Written.Span).ToString());
    }

    [Fact]
    public void Any_order_of_adding_gives_the_same_set()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var numbers = Enumerable.Range(1, 40).Where(_ => random.Next(3) > 0).ToArray();
            var expected = numbers.ToHashSet();
            random.Shuffle(numbers);
            var set = new GtidSet();
            var source = new GtidSource(Guid.Parse(A), "");
            foreach (var number in numbers)
                set.Add(new Gtid(source, (ulong)number));
            for (var number = 1; number <= 41; number++)
                Assert.Equal(expected.Contains(number), set.Contains(new Gtid(source, (ulong)number)));
            Assert.Equal(set.ToString(), GtidSet.Parse(set.ToString()).ToString());
        }
    }

    [Fact]
    public void A_position_of_MariaDB_has_one_transaction_a_domain()
    {
        var set = MariaDbGtidSet.Parse("0-1-100,1-2-5");
        Assert.True(set.Contains(MariaDbGtid.Parse("0-7-100")));
        Assert.False(set.Contains(MariaDbGtid.Parse("0-1-101")));
        Assert.False(set.Contains(MariaDbGtid.Parse("2-1-1")));
        set.Add(MariaDbGtid.Parse("0-3-101"));
        Assert.Equal("0-3-101,1-2-5", set.ToString());
        Assert.Throws<FormatException>(() => MariaDbGtidSet.Parse("0-1"));
    }

    [Fact]
    public void Files_are_ordered_by_their_number_and_not_by_their_text()
    {
        Assert.True(new BinlogPosition("binlog.999999", 9).CompareTo(new BinlogPosition("binlog.1000000", 4)) < 0);
        Assert.True(new BinlogPosition("a.b.000002", 4).CompareTo(new BinlogPosition("a.b.000002", 5)) < 0);
    }
}
