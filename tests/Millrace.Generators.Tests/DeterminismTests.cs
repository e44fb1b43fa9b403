namespace Millrace.Generators.Tests;

public class DeterminismTests
{
    private const string Header = """
        using System; using System.Collections.Generic; using System.Globalization; using System.IO; using System.Linq; using System.Net.Http;
        using System.Threading; using System.Threading.Tasks; using System.Diagnostics; using System.Collections.Immutable;
        [assembly: Millrace.Deterministic]
        class Pure
        {
            static object? Use(DateTimeOffset time, int number, decimal amount, string text, Dictionary<string, int> map, HashSet<int> set, List<string> list)
            {
                
        """;

    [Theory]
    [InlineData("MILL201", "return DateTime.Now;")]
    [InlineData("MILL201", "return DateTime.UtcNow;")]
    [InlineData("MILL201", "return DateTime.Today;")]
    [InlineData("MILL201", "return DateTimeOffset.UtcNow;")]
    [InlineData("MILL201", "return TimeProvider.System;")]
    [InlineData("MILL201", "return Environment.TickCount64;")]
    [InlineData("MILL201", "return Stopwatch.StartNew();")]
    [InlineData("MILL201", "return Stopwatch.GetTimestamp();")]
    [InlineData("MILL201", "Func<long> clock = Stopwatch.GetTimestamp; return clock;")]
    [InlineData("MILL202", "return Guid.NewGuid();")]
    [InlineData("MILL202", "return new Random(1);")]
    [InlineData("MILL202", "return Random.Shared;")]
    [InlineData("MILL202", "return text.GetHashCode();")]
    [InlineData("MILL202", "return HashCode.Combine(number, text);")]
    [InlineData("MILL203", "return File.ReadAllText(text);")]
    [InlineData("MILL203", "return new FileStream(text, FileMode.Open);")]
    [InlineData("MILL203", "Console.WriteLine(text); return null;")]
    [InlineData("MILL203", "return new HttpClient();")]
    [InlineData("MILL203", "return new System.Net.Sockets.Socket(default, default, default);")]
    [InlineData("MILL203", "return Environment.GetEnvironmentVariable(text);")]
    [InlineData("MILL203", "return Environment.MachineName;")]
    [InlineData("MILL204", "return Task.Run(() => 1);")]
    [InlineData("MILL204", "return new Thread(() => { });")]
    [InlineData("MILL204", "Parallel.Invoke(() => { }); return null;")]
    [InlineData("MILL204", "ThreadPool.QueueUserWorkItem(_ => { }); return null;")]
    [InlineData("MILL204", "return list.AsParallel();")]
    [InlineData("MILL205", "return amount.ToString();")]
    [InlineData("MILL205", "return amount.ToString(\"0.00\");")]
    [InlineData("MILL205", "return time.ToString();")]
    [InlineData("MILL205", "return number.ToString();")]
    [InlineData("MILL205", "return decimal.Parse(text);")]
    [InlineData("MILL205", "return DateTimeOffset.Parse(text);")]
    [InlineData("MILL205", "return int.TryParse(text, out _);")]
    [InlineData("MILL205", "return $\"due {time:d}\";")]
    [InlineData("MILL205", "return $\"{amount} euro\";")]
    [InlineData("MILL205", "return string.Format(\"{0}\", amount);")]
    [InlineData("MILL205", "return text.ToUpper();")]
    [InlineData("MILL205", "return text.StartsWith(\"a\");")]
    [InlineData("MILL205", "return text.CompareTo(\"a\");")]
    [InlineData("MILL205", "return text.Equals(\"a\", StringComparison.CurrentCulture);")]
    [InlineData("MILL205", "return CultureInfo.CurrentCulture;")]
    [InlineData("MILL205", "return list.OrderBy(x => x);")]
    [InlineData("MILL205", "return list.Max();")]
    [InlineData("MILL206", "return TimeZoneInfo.Local;")]
    [InlineData("MILL206", "return time.ToLocalTime();")]
    [InlineData("MILL206", "return time.LocalDateTime;")]
    [InlineData("MILL207", "foreach (var entry in map) { list.Add(entry.Key); } return list;")]
    [InlineData("MILL207", "foreach (var key in map.Keys) { list.Add(key); } return list;")]
    [InlineData("MILL207", "return set.ToList();")]
    [InlineData("MILL207", "return set.Where(x => x > 1).Select(x => x + 1).ToArray();")]
    [InlineData("MILL207", "return set.First();")]
    [InlineData("MILL207", "return string.Join(\",\", set);")]
    [InlineData("MILL207", "return new List<int>(set);")]
    [InlineData("MILL207", "int[] all = [.. set]; return all;")]
    public void What_could_differ_at_a_replay_is_found(string id, string code) => Assert.Equal([id], Found(code).Distinct());

    [Theory]
    [InlineData("return time.AddHours(1).UtcDateTime;")]
    [InlineData("return new DateTime(2024, 1, 1);")]
    [InlineData("return amount.ToString(CultureInfo.InvariantCulture);")]
    [InlineData("return decimal.Parse(text, CultureInfo.InvariantCulture);")]
    [InlineData("return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _);")]
    [InlineData("return string.Create(CultureInfo.InvariantCulture, $\"{amount} on {time:O}\");")]
    [InlineData("return $\"{number} tickets of {text}\";")]
    [InlineData("return text.StartsWith(\"a\", StringComparison.Ordinal) || text.StartsWith('a') || text.Contains(\"b\");")]
    [InlineData("return text.ToUpperInvariant();")]
    [InlineData("return list.OrderBy(x => x, StringComparer.Ordinal).ThenBy(x => x.Length);")]
    [InlineData("return map.TryGetValue(text, out var value) ? value : map.Count;")]
    [InlineData("return set.Where(x => x > 1).Select(x => -x).Order().ToArray();")]
    [InlineData("return set.Any(x => x > 1) && set.Count > 2 && map.Values.Sum() > 3;")]
    [InlineData("foreach (var x in list) { set.Add(x.Length); } return set;")]
    [InlineData("return Task.FromResult(1);")]
    [InlineData("return TimeSpan.FromHours(1).ToString();")]
    public void What_is_the_same_each_time_is_let_be(string code) => Assert.Empty(Found(code));

    [Fact]
    public void A_hash_code_of_ones_own_is_no_result() =>
        Assert.Empty(
            Found(
                "return null; } public override int GetHashCode() { return HashCode.Combine(1, \"a\".GetHashCode()); } object? More() { return 1;"
            )
        );

    [Fact]
    public void Only_an_assembly_that_says_so_is_held_to_it() =>
        Assert.Empty(Compiled.Of("class Free { static object Now => System.DateTime.Now; }").Ids);

    private static IEnumerable<string> Found(string code)
    {
        var compiled = Compiled.Of(Header + code + "} }");
        Assert.DoesNotContain(compiled.Errors, d => !d.Id.StartsWith("MILL", StringComparison.Ordinal));
        return compiled.Ids.Where(id => id.StartsWith("MILL", StringComparison.Ordinal));
    }
}
