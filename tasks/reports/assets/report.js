(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("scripted");
  var all = function (selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); };
  var remembered = null;
  try { remembered = localStorage.getItem("gonogo-theme"); } catch (refused) { remembered = null; }
  if (remembered === "dark" || remembered === "light") { root.dataset.theme = remembered; }

  document.addEventListener("DOMContentLoaded", function () {
    var theme = document.getElementById("theme");
    if (theme) {
      theme.addEventListener("click", function () {
        var system = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
        var next = (root.dataset.theme || system) === "dark" ? "light" : "dark";
        root.dataset.theme = next;
        try { localStorage.setItem("gonogo-theme", next); } catch (refused) { return; }
      });
    }

    var main = document.getElementById("main");
    var quoted = function (text) { return "'" + text.replace(/'/g, "'\\''") + "'"; };
    var linked = function (cell, row, column) {  // to the story of a row, or of one of its cells
      var link = document.createElement("a");
      var cellOnly = column === undefined ? "" : " --column " + quoted(column);
      link.href = "trace?row=" + row + (column === undefined ? "" : "&column=" + encodeURIComponent(column));
      link.title = "gonogo trace " + main.dataset.run + " --row " + row + cellOnly;
      while (cell.firstChild) { link.appendChild(cell.firstChild); }
      cell.appendChild(link);
      link.addEventListener("click", function (event) {
        if (location.protocol !== "file:") { return; }  // a server is there that tells it
        event.preventDefault();
        window.prompt("In a terminal:", link.title);
      });
    };
    var traced = function (table) {
      table.removeAttribute("data-trace");
      var heads = table.querySelectorAll("thead th");
      Array.prototype.forEach.call(table.querySelectorAll("tbody tr"), function (line) {
        var row = line.cells[0].textContent.trim();
        if (!/^\d+$/.test(row)) { return; }
        Array.prototype.forEach.call(line.cells, function (cell, place) {
          var column = heads[place].dataset.column;
          if (place === 0 || (column !== undefined && cell.textContent)) { linked(cell, row, column); }
        });
      });
    };
    all("details.issue").forEach(function (issue) {  // thousands of links, made for those who look
      issue.addEventListener("toggle", function () {
        Array.prototype.forEach.call(issue.querySelectorAll("table[data-trace]"), traced);
      });
    });

    var issues = all(".issue"), search = document.getElementById("search"), filters = all("[data-severity-filter]");
    var show = function () {
      var wanted = filters.filter(function (b) { return b.getAttribute("aria-pressed") === "true"; })
        .map(function (b) { return b.dataset.severityFilter; });
      var text = search ? search.value.trim().toLowerCase() : "";
      issues.forEach(function (issue) {
        var matches = issue.dataset.text.toLowerCase().indexOf(text) >= 0;
        issue.hidden = !matches || (wanted.length > 0 && wanted.indexOf(issue.dataset.severity) < 0);
      });
    };
    filters.forEach(function (button) {
      button.addEventListener("click", function () {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
        show();
      });
    });
    if (search) { search.addEventListener("input", show); }

    var sort = document.getElementById("sort");
    if (sort) {
      sort.addEventListener("change", function () {
        var key = sort.value, parent = issues.length ? issues[0].parentNode : null;
        issues.slice().sort(function (a, b) { return Number(a.dataset[key]) - Number(b.dataset[key]); })
          .forEach(function (issue) { parent.appendChild(issue); });
      });
    }
    var fold = document.getElementById("fold");
    if (fold) {
      fold.addEventListener("click", function () {
        var open = issues.some(function (issue) { return !issue.open && !issue.hidden; });
        issues.forEach(function (issue) { issue.open = open; });
        fold.textContent = open ? "Close all" : "Open all";
      });
    }
  });

  var closed = [];
  window.addEventListener("beforeprint", function () {
    closed = all("details.issue, details.print").filter(function (d) { return !d.open; });
    closed.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (d) { d.open = false; });
  });
})();
